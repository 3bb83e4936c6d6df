import { z } from "@hono/zod-openapi"
import type { StoredCheckpoint } from "../../ledger/audit/read-checkpoints.ts"
import { timeAnswer } from "../validation/schemas.ts"

const anchorSchema = z
  .object({
    chain_id: z.int(),
    contract: z.string().openapi({ description: "The AuditAnchor" }),
    state: z.enum(["sealed", "simulated", "signed", "broadcast", "mined", "confirmed", "skipped"]).openapi({
      description:
        "skipped: not anchored itself, but covered by a later checkpoint; a consistency proof between the two shows that",
    }),
    transaction_hash: z.string().nullable().openapi({ description: "Of the transaction, once it is mined" }),
    block_number: z.string().nullable(),
    is_confirmed: z
      .boolean()
      .openapi({ description: "Whether the block is deep enough, and the log says so at anchored_position" }),
  })
  .openapi({ description: "Where the root stands on a chain, or how far it is on its way there" })

/** 32 bytes of the log or its tree. Without 0x: they are no chain's. */
export const logHashAnswer = z.string().openapi({ description: "Hex, 32 bytes", example: "ab".repeat(32) })

export const positionAnswer = z.string().openapi({ example: "184467" })

export const checkpointSchema = z.object({
  tree_size: positionAnswer.openapi({ description: "Events that it covers: those up to this position" }),
  root: logHashAnswer.openapi({ description: "Root of the RFC 6962 tree over their hashes" }),
  head_hash: logHashAnswer.openapi({ description: "Hash of the last of them" }),
  created_at: timeAnswer,
  key_id: z.string().openapi({ example: "8f434346648f6b96df89dda901c5176b" }),
  public_key: logHashAnswer.openapi({ description: "Ed25519" }),
  signature: z.string().openapi({ description: "Hex, 64 bytes, of the text of the note" }),
  note: z.string().openapi({
    description:
      "What was signed, with its signature: save it as a file for `chainbridge audit verify --checkpoint`",
  }),
  anchored_position: positionAnswer
    .nullable()
    .openapi({ description: "The CheckpointAnchored event that says where a chain holds the root" }),
  anchor: anchorSchema.nullable(),
})

export function presentCheckpoint(stored: StoredCheckpoint): z.infer<typeof checkpointSchema> {
  const { checkpoint, signature, publicKey, note, anchoredPosition, anchor } = stored
  return {
    tree_size: checkpoint.treeSize.toString(),
    root: checkpoint.root.toString("hex"),
    head_hash: checkpoint.headHash.toString("hex"),
    created_at: checkpoint.createdAt.toISOString(),
    key_id: checkpoint.keyId,
    public_key: publicKey.toString("hex"),
    signature: signature.toString("hex"),
    note,
    anchored_position: anchoredPosition?.toString() ?? null,
    anchor:
      anchor === null
        ? null
        : {
            chain_id: Number(anchor.chainId),
            contract: anchor.contract,
            state: anchor.state,
            transaction_hash: anchor.transactionHash,
            block_number: anchor.blockNumber?.toString() ?? null,
            is_confirmed: anchor.state === "confirmed",
          },
  }
}

import { z } from "@hono/zod-openapi"
import { readRoots } from "../../ledger/audit/merkle-nodes.ts"
import { readCheckpoint } from "../../ledger/audit/read-checkpoints.ts"
import { hashLeaf } from "../../ledger/domain/merkle-hash.ts"
import { inclusionRanges } from "../../ledger/domain/merkle-proof.ts"
import {
  checkpointSchema,
  logHashAnswer,
  positionAnswer,
  presentCheckpoint,
} from "../presenters/checkpoint.ts"
import { readEventHash, readHead } from "../queries/audit-events.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { wholeNumber } from "../validation/schemas.ts"

export const getAuditProof = defineRoute({
  method: "get",
  path: "/audit/proof/{position}",
  tag: "Reconciliation and audit",
  summary: "Proof that one event is in the log that a checkpoint signs",
  permission: "audit.read",
  params: z.object({
    position: wholeNumber(1, Number.MAX_SAFE_INTEGER).openapi({ type: "integer", example: 4_711 }),
  }),
  query: z.strictObject({
    tree_size: wholeNumber(1, Number.MAX_SAFE_INTEGER).optional().openapi({
      description: "The checkpoint to prove it with; the newest, unless given",
      type: "integer",
      minimum: 1,
    }),
  }),
  answer: z.object({
    ledger_id: z.string(),
    position: positionAnswer,
    hash: logHashAnswer.openapi({ description: "Of the event" }),
    leaf_hash: logHashAnswer.openapi({ description: "SHA-256(00 ‖ hash)" }),
    leaf_index: positionAnswer.openapi({ description: "One less than the position" }),
    proof: z.array(logHashAnswer).openapi({ description: "RFC 6962 audit path, from the leaf up" }),
    checkpoint: checkpointSchema,
  }),
  refusals: ["UNKNOWN_POSITION", "UNKNOWN_CHECKPOINT"],
  async handle({ db }, { params, query, caller }) {
    const { ledgerId } = caller
    const { position, tree_size: treeSize } = { ...params, ...query }
    if (treeSize !== undefined && treeSize < position) {
      return refuse(
        "INVALID_PARAMETER",
        "tree_size",
        `name a checkpoint of at least ${position} events, which has the event in it`,
      )
    }
    const [hash, checkpoint] = await Promise.all([
      readEventHash(db, ledgerId, BigInt(position)),
      readCheckpoint(db, ledgerId, treeSize === undefined ? "newest" : BigInt(treeSize)),
    ])
    if (hash === undefined) {
      const head = await readHead(db, ledgerId)
      return refuse(
        "UNKNOWN_POSITION",
        "position",
        `name a position of the log, which ends at ${head.position}`,
      )
    }
    if (checkpoint === null) {
      return treeSize === undefined
        ? refuse(
            "UNKNOWN_CHECKPOINT",
            null,
            "ask again when there is a first checkpoint; health says whether they are made",
          )
        : refuse("UNKNOWN_CHECKPOINT", "tree_size", "name a tree_size of GET /audit/checkpoints")
    }
    const size = Number(checkpoint.checkpoint.treeSize)
    if (size < position) {
      return refuse(
        "UNKNOWN_CHECKPOINT",
        "position",
        `ask again when a checkpoint covers the event; the newest covers those up to ${size}`,
      )
    }
    const proof = await readRoots(db, ledgerId, inclusionRanges(position - 1, size))
    return {
      data: {
        ledger_id: ledgerId,
        position: position.toString(),
        hash: hash.toString("hex"),
        leaf_hash: hashLeaf(hash).toString("hex"),
        leaf_index: (position - 1).toString(),
        proof: proof.map((node) => node.toString("hex")),
        checkpoint: presentCheckpoint(checkpoint),
      },
    }
  },
})

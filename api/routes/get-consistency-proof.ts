import { z } from "@hono/zod-openapi"
import { readRoots } from "../../ledger/audit/merkle-nodes.ts"
import { readCheckpoint } from "../../ledger/audit/read-checkpoints.ts"
import { consistencyRanges } from "../../ledger/domain/merkle-proof.ts"
import { checkpointSchema, logHashAnswer, presentCheckpoint } from "../presenters/checkpoint.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { wholeNumber } from "../validation/schemas.ts"

const treeSize = () => wholeNumber(1, Number.MAX_SAFE_INTEGER)

export const getConsistencyProof = defineRoute({
  method: "get",
  path: "/audit/checkpoints/{tree_size}/consistency",
  tag: "Reconciliation and audit",
  summary: "Proof that the log of an earlier checkpoint is the beginning of the log of a later one",
  permission: "audit.read",
  params: z.object({ tree_size: treeSize().openapi({ type: "integer", example: 100_000 }) }),
  query: z.strictObject({
    from: treeSize().openapi({ description: "tree_size of the earlier one", type: "integer", minimum: 1 }),
  }),
  answer: z.object({
    ledger_id: z.string(),
    from: checkpointSchema,
    to: checkpointSchema,
    proof: z
      .array(logHashAnswer)
      .openapi({ description: "RFC 6962 consistency proof; empty between a checkpoint and itself" }),
  }),
  refusals: ["UNKNOWN_CHECKPOINT"],
  async handle({ db }, { params, query, caller }) {
    const { ledgerId } = caller
    const { tree_size: size } = params
    const { from } = query
    if (from > size) {
      return refuse(
        "INVALID_PARAMETER",
        "from",
        "name a checkpoint that is not later than the one in the address",
      )
    }
    const [earlier, later] = await Promise.all([
      readCheckpoint(db, ledgerId, BigInt(from)),
      readCheckpoint(db, ledgerId, BigInt(size)),
    ])
    if (earlier === null || later === null) {
      return refuse(
        "UNKNOWN_CHECKPOINT",
        earlier === null ? "from" : "tree_size",
        "name a tree_size of GET /audit/checkpoints",
      )
    }
    const proof = await readRoots(db, ledgerId, consistencyRanges(from, size))
    return {
      data: {
        ledger_id: ledgerId,
        from: presentCheckpoint(earlier),
        to: presentCheckpoint(later),
        proof: proof.map((node) => node.toString("hex")),
      },
    }
  },
})

import { randomUUID } from "node:crypto"
import { z } from "@hono/zod-openapi"
import { sql } from "kysely"
import { reconciliationRequestedChannel } from "../../ledger/store/channels.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { matchTokens } from "../ledger/resolve-token.ts"
import { refuse, refuseAll } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { chainIdSchema, tokenSymbolSchema, userIdSchema } from "../validation/schemas.ts"

export const runReconciliation = defineRoute({
  method: "post",
  path: "/reconciliation/run",
  tag: "Reconciliation and audit",
  summary: "Compare ledger, indexer and chain now, for one user, one token or everything",
  permission: "reconciliation.run",
  body: z.strictObject({
    user_id: userIdSchema.optional().openapi({ description: "Every user, unless named" }),
    token_symbol: tokenSymbolSchema.optional().openapi({ description: "Every token, unless named" }),
    chain_id: chainIdSchema.optional().openapi({ description: "Every chain, unless named" }),
  }),
  isBodyOptional: true,
  answer: z.object({
    run_ids: z.array(z.string()),
    runs: z.array(
      z.object({
        run_id: z.string(),
        token_symbol: z.string(),
        chain_id: z.int(),
        user_id: z.string().nullable(),
        state: z.literal("requested"),
      }),
    ),
  }),
  answerStatus: 202,
  refusals: ["UNKNOWN_TOKEN", "UNKNOWN_USER"],
  async handle(services, { body, caller, context }) {
    const { db } = services
    const { ledgerId } = caller
    const registry = await services.registry.current()
    const tokens = matchTokens(registry, body.token_symbol, body.chain_id)
    if ("code" in tokens) return refuseAll([tokens])
    if (body.user_id !== undefined && !(await isUser(services.db, ledgerId, body.user_id)))
      return refuse("UNKNOWN_USER", "user_id", "a user is known from the first adjustment on")
    const userId = body.user_id ?? null
    const runs = tokens.map((token) => ({ runId: randomUUID(), token }))
    await db.transaction().execute(async (trx) => {
      await sql`
        INSERT INTO ledger.reconciliation_runs (ledger_id, run_id, token_id, trigger, user_id, state, requested_at)
        SELECT ${ledgerId}, r.run_id, r.token_id, 'demand', ${userId}, 'requested', now()
        FROM unnest(${runs.map((run) => run.runId)}::uuid[], ${runs.map((run) => run.token.tokenId)}::integer[]) AS r(run_id, token_id)`.execute(
        trx,
      )
      await recordAction(trx, {
        ...initiatorOf(services, context, caller),
        ledgerId,
        action: "reconciliation.requested",
        subject: null,
        // A user's name would stay here for ever.
        after: { run_ids: runs.map((run) => run.runId), is_of_one_user: userId !== null },
      })
      await sql`SELECT pg_notify(${reconciliationRequestedChannel}, ${ledgerId})`.execute(trx)
    })
    services.logger.info(
      { actor: caller.actor, ledger_id: ledgerId, runs: runs.length },
      "a reconciliation was asked for",
    )
    return {
      status: 202,
      data: {
        run_ids: runs.map((run) => run.runId),
        runs: runs.map(({ runId, token }) => ({
          run_id: runId,
          token_symbol: token.symbol,
          chain_id: Number(token.chain.chainId),
          user_id: userId,
          state: "requested",
        })),
      },
    }
  },
})

type Handle = Parameters<ReturnType<typeof sql>["execute"]>[0]

async function isUser(db: Handle, ledgerId: string, userId: string): Promise<boolean> {
  const { rows } = await sql`
    SELECT 1 FROM ledger.accounts WHERE ledger_id = ${ledgerId} AND user_id = ${userId} LIMIT 1`.execute(db)
  return rows.length > 0
}

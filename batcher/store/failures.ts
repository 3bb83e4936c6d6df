import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { OpenBatch } from "./open-call.ts"

/** What happened on a lane lately, as far as it says something about the lane. */
export type LaneOutcomes = {
  /** Refused by a simulation, reverted on chain, or broken off. Batches that are taken apart for single accounts are none. */
  readonly failed: number
  readonly mined: number
}

// For people who look later; what is judged is minutes old.
const keptMs = 7 * 86_400_000

/** Notes a counted failure of a batch, in the transaction that counts it. */
export async function recordFailure(
  trx: Transaction<Database>,
  { ledgerId, tokenId, batchSequence }: OpenBatch,
  reason: string,
  at: Date,
): Promise<void> {
  await sql`
    DELETE FROM settlement.failures
    WHERE ledger_id = ${ledgerId} AND token_id = ${tokenId} AND failed_at < ${new Date(at.getTime() - keptMs)}`.execute(
    trx,
  )
  await trx
    .insertInto("settlement.failures")
    .values({
      ledger_id: ledgerId,
      token_id: tokenId,
      batch_sequence: batchSequence,
      failed_at: at,
      reason: reason.slice(0, 500),
    })
    .execute()
}

/** Counts what failed and what was mined since a moment, and since somebody last let the lane go on. */
export async function readOutcomes(
  db: Kysely<Database> | Transaction<Database>,
  { ledgerId, tokenId }: Pick<OpenBatch, "ledgerId" | "tokenId">,
  since: Date,
): Promise<LaneOutcomes> {
  const { rows } = await sql<{ failed: bigint; mined: bigint }>`
    SELECT
      (SELECT count(*) FROM settlement.failures f WHERE f.ledger_id = l.ledger_id AND f.token_id = l.token_id AND f.failed_at > s.since) AS failed,
      (SELECT count(*) FROM settlement.batches b WHERE b.ledger_id = l.ledger_id AND b.token_id = l.token_id AND b.mined_at > s.since) AS mined
    FROM settlement.lanes l CROSS JOIN LATERAL (SELECT greatest(${since}, l.resumed_at) AS since) AS s
    WHERE l.ledger_id = ${ledgerId} AND l.token_id = ${tokenId}`.execute(db)
  const [row] = rows
  return { failed: Number(row?.failed ?? 0n), mined: Number(row?.mined ?? 0n) }
}

import { type Kysely, sql, type Transaction } from "kysely"
import type { Hex } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import type { LaneKey } from "./leases.ts"

/** A token that is paid out of a treasury, and what is known of it here. Base units. */
export type TreasuryToken = {
  readonly tokenId: number
  readonly tokenAddress: Hex
  readonly treasury: Hex
  readonly symbol: string
  readonly decimals: number
  /** Signed and not mined, as far as we have seen. */
  readonly underway: bigint
  /** Waits for a batch, or for its batch to be signed. */
  readonly owed: bigint
  /** What one of the last batches paid on average; null before the first. */
  readonly paidPerBatch: bigint | null
}

const batchesLooked = 20

export async function readTreasuryTokens(db: Kysely<Database>, chainId: bigint): Promise<TreasuryToken[]> {
  const sumOf = (where: ReturnType<typeof sql>) => sql`
    (SELECT coalesce(sum(a.delta), 0) FROM settlement.batches b
      JOIN settlement.batch_accounts a ON a.ledger_id = b.ledger_id AND a.batch_sequence = b.batch_sequence
      JOIN settlement.lanes l ON l.ledger_id = b.ledger_id AND l.token_id = b.token_id
      WHERE l.token_id = t.token_id AND ${where})`
  const { rows } = await sql<{
    token_id: number
    token_address: string
    treasury: string
    symbol: string
    decimals: number
    underway: bigint
    owed: bigint
    paid_per_batch: bigint | null
  }>`
    SELECT t.token_id, t.token_address, t.treasury, t.symbol, t.decimals,
      ${sumOf(sql`b.state IN ('signed', 'broadcast')`)} AS underway,
      greatest(0, ${sumOf(sql`b.state IN ('sealed', 'simulated')`)} + (
        SELECT coalesce(sum(i.amount), 0) FROM settlement.lanes l
        JOIN settlement.batch_items i ON i.ledger_id = l.ledger_id AND i.token_id = l.token_id AND i.state = 'waiting'
        WHERE l.token_id = t.token_id)) AS owed,
      (SELECT div(sum(paid.amount), greatest(count(*), 1)) FROM settlement.lanes l CROSS JOIN LATERAL (
        SELECT (SELECT sum(a.delta) FROM settlement.batch_accounts a
          WHERE a.ledger_id = b.ledger_id AND a.batch_sequence = b.batch_sequence) AS amount
        FROM settlement.batches b WHERE b.ledger_id = l.ledger_id AND b.token_id = l.token_id AND b.mined_at IS NOT NULL
        ORDER BY b.batch_sequence DESC LIMIT ${batchesLooked}) AS paid
        WHERE l.token_id = t.token_id) AS paid_per_batch
    FROM registry.tokens t WHERE t.chain_id = ${chainId} AND t.treasury IS NOT NULL ORDER BY t.token_id`.execute(
    db,
  )
  return rows.map((row) => ({
    tokenId: row.token_id,
    tokenAddress: row.token_address as Hex,
    treasury: row.treasury as Hex,
    symbol: row.symbol,
    decimals: row.decimals,
    underway: row.underway,
    owed: row.owed,
    paidPerBatch: row.paid_per_batch,
  }))
}

/** The lanes of a token that wait for its treasury, with what the next batch of each needs: 0 where there is none any more. */
export async function readLanesWaitingForTreasury(
  db: Kysely<Database> | Transaction<Database>,
  tokenId: number,
): Promise<(LaneKey & { readonly needed: bigint })[]> {
  const { rows } = await sql<{ ledger_id: string; token_id: number; needed: bigint }>`
    SELECT l.ledger_id, l.token_id, coalesce((
      SELECT sum(a.delta) FROM settlement.batch_accounts a
      WHERE a.ledger_id = next.ledger_id AND a.batch_sequence = next.batch_sequence), 0) AS needed
    FROM settlement.lanes l
    LEFT JOIN LATERAL (
      SELECT b.ledger_id, b.batch_sequence FROM settlement.batches b
      WHERE b.ledger_id = l.ledger_id AND b.token_id = l.token_id AND b.state IN ('sealed', 'simulated')
      -- In the order in which the desk takes them.
      ORDER BY b.trigger <> 'priority', b.sealed_at, b.batch_sequence LIMIT 1) AS next ON true
    WHERE l.token_id = ${tokenId} AND l.paused_by = 'treasury' ORDER BY l.ledger_id`.execute(db)
  return rows.map((row) => ({ ledgerId: row.ledger_id, tokenId: row.token_id, needed: row.needed }))
}

import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { PauseKind } from "../../ledger/store/pause-lanes.ts"
import { inFlightStates } from "../domain/call-state.ts"

export type LaneStatus = {
  readonly ledgerId: string
  readonly tokenId: number
  readonly chainId: bigint
  readonly symbol: string
  readonly pausedReason: string | null
  readonly pausedBy: PauseKind | null
  readonly waitingChanges: number
  readonly oldestWaitingAgeMs: number | null
  /** Sealed and not mined. */
  readonly batchesInFlight: number
  /** Mined and not confirmed. */
  readonly batchesMined: number
}

/** One measured line per lane of these chains. */
export async function readLaneStatus(
  db: Kysely<Database>,
  chainIds: readonly bigint[],
): Promise<LaneStatus[]> {
  const { rows } = await sql<{
    ledger_id: string
    token_id: number
    chain_id: bigint
    symbol: string
    paused_reason: string | null
    paused_by: PauseKind | null
    waiting: bigint
    oldest_age_ms: number | null
    in_flight: bigint
    mined: bigint
  }>`
    SELECT l.ledger_id, l.token_id, t.chain_id, t.symbol, CASE WHEN l.paused_at IS NOT NULL THEN l.paused_reason END AS paused_reason, l.paused_by,
      w.waiting, w.oldest_age_ms, o.in_flight, o.mined
    FROM settlement.lanes l JOIN registry.tokens t ON t.token_id = l.token_id
    CROSS JOIN LATERAL (
      SELECT count(*) AS waiting, (extract(epoch FROM clock_timestamp() - min(recorded_at)) * 1000)::float8 AS oldest_age_ms
      FROM settlement.batch_items i WHERE i.ledger_id = l.ledger_id AND i.token_id = l.token_id AND i.state = 'waiting') AS w
    CROSS JOIN LATERAL (
      SELECT count(*) FILTER (WHERE b.state IN (${sql.join(inFlightStates.map((state) => sql.lit(state)))})) AS in_flight,
        count(*) FILTER (WHERE b.state = 'mined') AS mined
      FROM settlement.batches b WHERE b.ledger_id = l.ledger_id AND b.token_id = l.token_id
        AND b.state IN ('sealed', 'simulated', 'signed', 'broadcast', 'mined')) AS o
    WHERE t.chain_id = ANY(${chainIds.map(String)}::bigint[])
    ORDER BY l.ledger_id, l.token_id`.execute(db)
  return rows.map((row) => ({
    ledgerId: row.ledger_id,
    tokenId: row.token_id,
    chainId: row.chain_id,
    symbol: row.symbol,
    pausedReason: row.paused_reason,
    pausedBy: row.paused_by,
    waitingChanges: Number(row.waiting),
    oldestWaitingAgeMs: row.oldest_age_ms === null ? null : Math.max(0, Math.round(row.oldest_age_ms)),
    batchesInFlight: Number(row.in_flight),
    batchesMined: Number(row.mined),
  }))
}

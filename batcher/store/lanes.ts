import { type Kysely, sql, type Transaction } from "kysely"
import type { Hex } from "viem"
import type { SettlementMode } from "../../ledger/domain/batch-calls.ts"
import type { Database } from "../../ledger/store/database.ts"
import { type PauseKind, pauseLanes } from "../../ledger/store/pause-lanes.ts"
import { type ModeTraits, traitsOf } from "../domain/settlement-modes.ts"
import type { LaneKey } from "./leases.ts"

export type LaneRow = LaneKey & {
  readonly chainId: bigint
  readonly blockTimeMs: number
  readonly tokenAddress: string
  readonly symbol: string
  readonly decimals: number
  readonly mode: ModeTraits
  /** As stored: see parseBatchStrategy. */
  readonly strategy: unknown
  readonly pausedReason: string | null
  readonly isPaused: boolean
  readonly flushRequestedAt: Date | null
}

/** A token that is to be paid out of a treasury and has none yet has no lane: its changes wait. */
const isSettled = sql<boolean>`(t.settlement_mode <> 'treasury' OR t.treasury IS NOT NULL)`

/** Makes the lane of every ledger and token that these chains settle, where it is not there yet. */
export async function ensureLanes(db: Kysely<Database>, chainIds: readonly bigint[]): Promise<void> {
  await sql`
    INSERT INTO settlement.lanes (ledger_id, token_id)
    SELECT h.ledger_id, t.token_id FROM ledger.head h CROSS JOIN registry.tokens t
    WHERE ${isSettled} AND t.chain_id = ANY(${chainIds.map(String)}::bigint[])
      AND NOT EXISTS (SELECT FROM settlement.lanes l WHERE l.ledger_id = h.ledger_id AND l.token_id = t.token_id)
    ON CONFLICT DO NOTHING`.execute(db)
}

/** The lanes of these chains, of one ledger or of all. */
export async function listLanes(
  db: Kysely<Database>,
  chainIds: readonly bigint[],
  ledgerId: string | null = null,
): Promise<LaneRow[]> {
  const { rows } = await sql<{
    ledger_id: string
    token_id: number
    chain_id: bigint
    block_time_ms: number
    token_address: string
    symbol: string
    decimals: number
    settlement_mode: SettlementMode
    strategy: unknown
    paused_at: Date | null
    paused_reason: string | null
    flush_requested_at: Date | null
  }>`
    SELECT l.ledger_id, l.token_id, t.chain_id, c.block_time_ms, t.token_address, t.symbol, t.decimals, t.settlement_mode, t.strategy, l.paused_at, l.paused_reason, l.flush_requested_at
    FROM settlement.lanes l JOIN registry.tokens t ON t.token_id = l.token_id JOIN registry.chains c ON c.chain_id = t.chain_id
    WHERE ${isSettled} AND t.chain_id = ANY(${chainIds.map(String)}::bigint[])
      AND (${ledgerId}::uuid IS NULL OR l.ledger_id = ${ledgerId}::uuid)
    ORDER BY l.ledger_id, l.token_id`.execute(db)
  return rows.map((row) => ({
    ledgerId: row.ledger_id,
    tokenId: row.token_id,
    chainId: row.chain_id,
    blockTimeMs: row.block_time_ms,
    tokenAddress: row.token_address,
    symbol: row.symbol,
    decimals: row.decimals,
    mode: traitsOf(row.settlement_mode),
    strategy: row.strategy,
    isPaused: row.paused_at !== null,
    pausedReason: row.paused_reason,
    flushRequestedAt: row.flush_requested_at,
  }))
}

export type TokenToSettle = {
  readonly tokenId: number
  readonly symbol: string
  readonly address: Hex
  /** What pays it out, where something does. */
  readonly treasury: Hex | null
  readonly traits: ModeTraits
}

/** The tokens that are settled on a chain. */
export async function loadTokensToSettle(db: Kysely<Database>, chainId: bigint): Promise<TokenToSettle[]> {
  const { rows } = await sql<{
    token_id: number
    symbol: string
    token_address: string
    treasury: string | null
    settlement_mode: SettlementMode
  }>`
    SELECT t.token_id, t.symbol, t.token_address, t.treasury, t.settlement_mode FROM registry.tokens t
    WHERE t.chain_id = ${chainId} AND EXISTS (SELECT FROM settlement.lanes l WHERE l.token_id = t.token_id)
    ORDER BY t.token_id`.execute(db)
  return rows.map((row) => ({
    tokenId: row.token_id,
    symbol: row.symbol,
    address: row.token_address as Hex,
    treasury: row.treasury as Hex | null,
    traits: traitsOf(row.settlement_mode),
  }))
}

/** Stops a lane's sealing and new nonces, and says why: see pauseLanes. */
export async function pauseLane(
  trx: Transaction<Database>,
  { ledgerId, tokenId }: LaneKey,
  reason: string,
  by: PauseKind = "errors",
): Promise<void> {
  await pauseLanes(trx, [{ ledgerId, tokenId }], { reason, by })
}

/** The same for every lane of a chain. */
export async function pauseLanesOfChain(
  trx: Transaction<Database>,
  chainId: bigint,
  reason: string,
  by: PauseKind,
): Promise<void> {
  await pauseLanes(trx, await readLanesOfChain(trx, chainId), { reason, by })
}

async function readLanesOfChain(
  db: Kysely<Database> | Transaction<Database>,
  chainId: bigint,
): Promise<LaneKey[]> {
  const { rows } = await sql<{ ledger_id: string; token_id: number }>`
    SELECT l.ledger_id, l.token_id FROM settlement.lanes l JOIN registry.tokens t ON t.token_id = l.token_id
    WHERE t.chain_id = ${chainId} ORDER BY l.ledger_id, l.token_id`.execute(db)
  return rows.map((row) => ({ ledgerId: row.ledger_id, tokenId: row.token_id }))
}

/** Ends a flush whose changes are all gone; one that was asked for again in the meantime stays. */
export async function endFlush(db: Kysely<Database>, key: LaneKey, requestedAt: Date): Promise<void> {
  await sql`
    UPDATE settlement.lanes SET flush_requested_at = NULL
    WHERE ledger_id = ${key.ledgerId} AND token_id = ${key.tokenId} AND flush_requested_at = ${requestedAt}
      AND NOT EXISTS (
        -- A ledger from which nothing was taken in yet has no row of its own.
        SELECT FROM ledger.head h LEFT JOIN settlement.intake i USING (ledger_id)
        WHERE h.ledger_id = ${key.ledgerId} AND h.position > coalesce(i.position, 0))
      AND NOT EXISTS (
        SELECT FROM settlement.batch_items WHERE ledger_id = ${key.ledgerId} AND token_id = ${key.tokenId} AND state = 'waiting'
          AND recorded_at <= ${requestedAt})`.execute(db)
}

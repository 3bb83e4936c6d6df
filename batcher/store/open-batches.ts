import { type Kysely, sql } from "kysely"
import { type Hex, keccak256 } from "viem"
import type { BatchCall } from "../../ledger/domain/batch-calls.ts"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError, invariant } from "../../platform/errors.ts"
import { openStates } from "../domain/call-state.ts"
import type { BatchKey } from "./call-key.ts"
import type { SignerKey } from "./leases.ts"
import { columnsOfTransactions, isOrphan, type OpenBatch, type UnderwayRow, underwayOf } from "./open-call.ts"

/**
 * Batches that are a signer's to work on: those that have its nonces first, what is not mined before what is, in the order of the nonces; then those that it has claimed, the urgent ones
 * first, then in the order of their sealing.
 * @param options.withOrphans also those that have a nonce of a signer that nobody works with
 * @param options.onlyClaimedAt only those that have no nonce and are due at that time: whatever is in flight or waits for its time, they are in the list
 */
export async function loadOpenBatches(
  db: Kysely<Database>,
  { chainId, address }: SignerKey,
  options: {
    readonly limit: number
    readonly withOrphans?: boolean
    readonly onlyClaimedAt?: Date
  },
): Promise<OpenBatch[]> {
  const { limit, withOrphans = false, onlyClaimedAt } = options
  const onlyClaimed = onlyClaimedAt !== undefined
  const isDue = onlyClaimed
    ? sql<boolean>`(b.retry_at IS NULL OR b.retry_at <= ${onlyClaimedAt})`
    : sql<boolean>`true`
  const { rows } = await sql<
    UnderwayRow & {
      ledger_id: string
      batch_sequence: bigint
      token_id: number
      token_address: string
      symbol: string
      decimals: number
      strategy: unknown
      batch_id: string
      batch_call: BatchCall
      recipients: number
      is_lane_paused: boolean
      is_cancelling: boolean
    }
  >`
    SELECT b.ledger_id, b.batch_sequence, b.token_id, CASE b.batch_call WHEN 'treasury_settle' THEN t.treasury ELSE t.token_address END AS "to", t.token_address, t.symbol, t.decimals, t.strategy, b.batch_id, b.batch_call, b.state, b.recipients, b.gas_limit,
      b.failures, b.retry_at, b.block_number, b.block_hash, l.paused_at IS NOT NULL AS is_lane_paused, b.cancel_requested_at IS NOT NULL AS is_cancelling, n.signer, n.nonce, n.reserved_at, x.*
    FROM settlement.batches b
    JOIN registry.tokens t ON t.token_id = b.token_id
    JOIN settlement.lanes l ON l.ledger_id = b.ledger_id AND l.token_id = b.token_id
    LEFT JOIN settlement.nonces n
      ON n.ledger_id = b.ledger_id AND n.batch_sequence = b.batch_sequence AND n.spent_in_vain_at IS NULL
    LEFT JOIN LATERAL (
      SELECT ${columnsOfTransactions} FROM settlement.transactions x
      WHERE x.ledger_id = b.ledger_id AND x.batch_sequence = b.batch_sequence
        AND x.chain_id = n.chain_id AND x.signer = n.signer AND x.nonce = n.nonce
    ) AS x ON true
    WHERE t.chain_id = ${chainId} AND b.state IN (${sql.join(openStates.map((state) => sql.lit(state)))})
      AND CASE
        -- What is paused and has no nonce has nothing to do here, and must not fill the page.
        WHEN n.nonce IS NULL THEN b.claimed_by = ${address} AND ${isDue} AND (l.paused_at IS NULL OR b.cancel_requested_at IS NOT NULL)
        ELSE NOT ${onlyClaimed} AND (n.signer = ${address} OR (${withOrphans} AND ${isOrphan})) END
    ORDER BY n.nonce IS NULL, b.state = 'mined', n.nonce, b.trigger <> 'priority', b.sealed_at, b.ledger_id, b.batch_sequence
    LIMIT ${limit}`.execute(db)
  return rows.map((row) => ({
    kind: "batch",
    ledgerId: row.ledger_id,
    batchSequence: row.batch_sequence,
    tokenId: row.token_id,
    tokenAddress: row.token_address as Hex,
    symbol: row.symbol,
    decimals: row.decimals,
    strategy: row.strategy,
    batchId: row.batch_id as Hex,
    batchCall: row.batch_call,
    recipients: row.recipients,
    isLanePaused: row.is_lane_paused,
    isCancelling: row.is_cancelling,
    ...underwayOf(row),
  }))
}

/**
 * The deltas of a batch, if they are those that were sealed, under the id and for the token that they were sealed for: what is signed cannot be taken back.
 * @throws ChainBridgeError BATCH_ALTERED when they do not give the content hash of the batch and of the event that sealed it, or the event names another batch or token
 */
export async function readDeltas(db: Kysely<Database>, key: BatchKey): Promise<Hex> {
  const { rows } = await sql<{
    deltas: Buffer
    content_hash: string
    sealed_hash: string
    is_same_batch: boolean | null
  }>`
    SELECT b.deltas, b.content_hash, e.data->>'content_hash' AS sealed_hash,
      e.data->>'batch_id' = b.batch_id AND (e.data->>'batch_sequence')::bigint = b.batch_sequence
        AND (e.data->>'chain_id')::bigint = t.chain_id AND e.data->>'token_address' = t.token_address AS is_same_batch
    FROM settlement.batches b JOIN ledger.event_log e ON e.ledger_id = b.ledger_id AND e.position = b.sealed_position
    JOIN registry.tokens t ON t.token_id = b.token_id
    WHERE b.ledger_id = ${key.ledgerId} AND b.batch_sequence = ${key.batchSequence}`.execute(db)
  const [row] = rows
  invariant(row !== undefined, `there is no batch ${key.batchSequence}`)
  const deltas: Hex = `0x${row.deltas.toString("hex")}`
  const hash = keccak256(deltas)
  if (hash !== row.content_hash || hash !== row.sealed_hash) {
    const message = `the deltas of batch ${key.batchSequence} are not those that were sealed: their hash is ${hash}, the sealed one ${row.sealed_hash}`
    throw new ChainBridgeError("BATCH_ALTERED", message)
  }
  if (row.is_same_batch !== true)
    throw new ChainBridgeError(
      "BATCH_ALTERED",
      `the deltas of batch ${key.batchSequence} are not those that were sealed: they were for another batch id or token`,
    )
  return deltas
}

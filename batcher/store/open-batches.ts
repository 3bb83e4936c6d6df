import { type Kysely, sql } from "kysely"
import { type Hex, keccak256 } from "viem"
import type { BatchState, Database } from "../../ledger/store/database.ts"
import { ChainBridgeError, invariant } from "../../platform/errors.ts"
import { openStates } from "../domain/batch-state.ts"

export type BatchKey = { readonly ledgerId: string; readonly batchSequence: bigint }

/** A batch that the desk of its chain has something to do for. */
export type OpenBatch = BatchKey & {
  readonly tokenId: number
  readonly tokenAddress: Hex
  readonly decimals: number
  /** As stored: see parseBatchStrategy. */
  readonly strategy: unknown
  readonly batchId: Hex
  readonly state: BatchState
  readonly recipients: number
  readonly gasLimit: bigint | null
  readonly failures: number
  readonly retryAt: Date | null
  readonly blockHash: string | null
  readonly isLanePaused: boolean
  /** The nonce that may still be mined for it. */
  readonly nonce: { readonly signer: string; readonly value: bigint; readonly reservedAt: Date } | null
  /** Hashes of everything that was ever saved for that nonce, newest first. */
  readonly hashes: readonly Hex[]
  readonly sentAt: Date | null
}

/** Batches of a chain that are on their way, those with a nonce first and in its order, then in the order of their sealing. */
export async function loadOpenBatches(
  db: Kysely<Database>,
  chainId: bigint,
  limit: number,
): Promise<OpenBatch[]> {
  const { rows } = await sql<{
    ledger_id: string
    batch_sequence: bigint
    token_id: number
    token_address: string
    decimals: number
    strategy: unknown
    batch_id: string
    state: BatchState
    recipients: number
    gas_limit: bigint | null
    failures: number
    retry_at: Date | null
    block_hash: string | null
    is_lane_paused: boolean
    signer: string | null
    nonce: bigint | null
    reserved_at: Date | null
    hashes: string[] | null
    sent_at: Date | null
  }>`
    SELECT b.ledger_id, b.batch_sequence, b.token_id, t.token_address, t.decimals, t.strategy, b.batch_id, b.state, b.recipients, b.gas_limit,
      b.failures, b.retry_at, b.block_hash, l.paused_at IS NOT NULL AS is_lane_paused, n.signer, n.nonce, n.reserved_at, x.hashes, x.sent_at
    FROM settlement.batches b
    JOIN registry.tokens t ON t.token_id = b.token_id
    JOIN settlement.lanes l ON l.ledger_id = b.ledger_id AND l.token_id = b.token_id
    LEFT JOIN settlement.nonces n
      ON n.ledger_id = b.ledger_id AND n.batch_sequence = b.batch_sequence AND n.spent_in_vain_at IS NULL
    LEFT JOIN LATERAL (
      SELECT array_agg(hash ORDER BY saved_at DESC) AS hashes, max(broadcast_at) AS sent_at FROM settlement.transactions x
      WHERE x.ledger_id = b.ledger_id AND x.batch_sequence = b.batch_sequence
        AND x.chain_id = n.chain_id AND x.signer = n.signer AND x.nonce = n.nonce
    ) AS x ON true
    WHERE t.chain_id = ${chainId} AND b.state IN (${sql.join(openStates.map((state) => sql.lit(state)))})
    ORDER BY n.nonce NULLS LAST, b.sealed_at, b.ledger_id, b.batch_sequence
    LIMIT ${limit}`.execute(db)
  return rows.map((row) => ({
    ledgerId: row.ledger_id,
    batchSequence: row.batch_sequence,
    tokenId: row.token_id,
    tokenAddress: row.token_address as Hex,
    decimals: row.decimals,
    strategy: row.strategy,
    batchId: row.batch_id as Hex,
    state: row.state,
    recipients: row.recipients,
    gasLimit: row.gas_limit,
    failures: row.failures,
    retryAt: row.retry_at,
    blockHash: row.block_hash,
    isLanePaused: row.is_lane_paused,
    nonce:
      row.signer === null || row.nonce === null || row.reserved_at === null
        ? null
        : { signer: row.signer, value: row.nonce, reservedAt: row.reserved_at },
    hashes: (row.hashes ?? []) as Hex[],
    sentAt: row.sent_at,
  }))
}

/**
 * The deltas of a batch, if they are those that were sealed: what is signed cannot be taken back.
 * @throws ChainBridgeError BATCH_ALTERED when they do not give the content hash of the batch and of the event that sealed it
 */
export async function readDeltas(db: Kysely<Database>, key: BatchKey): Promise<Hex> {
  const { rows } = await sql<{ deltas: Buffer; content_hash: string; sealed_hash: string }>`
    SELECT b.deltas, b.content_hash, e.data->>'content_hash' AS sealed_hash
    FROM settlement.batches b JOIN ledger.event_log e ON e.ledger_id = b.ledger_id AND e.position = b.sealed_position
    WHERE b.ledger_id = ${key.ledgerId} AND b.batch_sequence = ${key.batchSequence}`.execute(db)
  const [row] = rows
  invariant(row !== undefined, `there is no batch ${key.batchSequence}`)
  const deltas: Hex = `0x${row.deltas.toString("hex")}`
  const hash = keccak256(deltas)
  if (hash !== row.content_hash || hash !== row.sealed_hash) {
    const message = `the deltas of batch ${key.batchSequence} are not those that were sealed: their hash is ${hash}, the sealed one ${row.sealed_hash}`
    throw new ChainBridgeError("BATCH_ALTERED", message)
  }
  return deltas
}

/** Batches that were confirmed before their receipt was read, newest first: their gas figures are missing. */
export async function loadWithoutGas(
  db: Kysely<Database>,
  chainId: bigint,
  limit: number,
): Promise<(BatchKey & { readonly hash: Hex })[]> {
  const { rows } = await sql<{ ledger_id: string; batch_sequence: bigint; tx_hash: string }>`
    SELECT b.ledger_id, b.batch_sequence, b.tx_hash
    FROM settlement.batches b JOIN registry.tokens t ON t.token_id = b.token_id
    WHERE t.chain_id = ${chainId} AND b.state = 'confirmed' AND b.gas_used IS NULL AND b.tx_hash IS NOT NULL
      AND b.confirmed_at > now() - interval '1 hour'
    ORDER BY b.confirmed_at DESC LIMIT ${limit}`.execute(db)
  return rows.map((row) => ({
    ledgerId: row.ledger_id,
    batchSequence: row.batch_sequence,
    hash: row.tx_hash as Hex,
  }))
}

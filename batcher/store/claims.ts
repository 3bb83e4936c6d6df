import { type Kysely, type RawBuilder, sql, type Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { CallKey } from "./call-key.ts"
import type { Desk } from "./call-moves.ts"
import { requireSigner, type SignerKey } from "./leases.ts"

/**
 * Whether a batch that has no nonce is the signer's to work on: what another one has claimed since is counted, taken apart and reserved for by that one alone. Of anchors and of what has
 * a nonce this decides nothing.
 */
export function isClaimedBy(signer: SignerKey, key: CallKey): RawBuilder<boolean> {
  return key.kind === "batch" ? sql`claimed_by = ${signer.address}` : sql`true`
}

/**
 * Claims batches that have no nonce and are due, the urgent ones first, for the desk of one signer: nobody else's desk looks at them for as long as the claim holds. None of them is
 * worked on by two desks, whose signers may be of different processes.
 * @param options.tokenIds whose batches the signer may settle
 * @returns how many are claimed now
 * @throws ChainBridgeError LEASE_LOST
 */
export function claimBatches(
  { db, signer, lease }: Desk,
  options: {
    readonly tokenIds: readonly number[]
    readonly limit: number
    readonly claimMs: number
    readonly now: Date
  },
): Promise<number> {
  return db.transaction().execute(async (trx) => {
    await requireSigner(trx, signer, lease)
    const { numAffectedRows } = await sql`
      WITH due AS (
        SELECT b.ledger_id, b.batch_sequence FROM settlement.batches b
        JOIN settlement.lanes l ON l.ledger_id = b.ledger_id AND l.token_id = b.token_id
        WHERE b.token_id = ANY(${[...options.tokenIds]}::integer[]) AND b.state IN ('sealed', 'simulated') AND (l.paused_at IS NULL OR b.cancel_requested_at IS NOT NULL)
          AND (b.retry_at IS NULL OR b.retry_at <= ${options.now})
          AND (b.claimed_by IS NULL OR b.claimed_by = ${signer.address} OR b.claimed_until <= clock_timestamp())
          AND NOT EXISTS (
            SELECT FROM settlement.nonces n
            WHERE n.ledger_id = b.ledger_id AND n.batch_sequence = b.batch_sequence AND n.spent_in_vain_at IS NULL)
        ORDER BY b.trigger <> 'priority', b.sealed_at, b.ledger_id, b.batch_sequence
        LIMIT ${options.limit} FOR NO KEY UPDATE OF b SKIP LOCKED
      )
      UPDATE settlement.batches b SET claimed_by = ${signer.address}, claimed_until = clock_timestamp() + ${options.claimMs} * interval '1 ms'
      FROM due WHERE b.ledger_id = due.ledger_id AND b.batch_sequence = due.batch_sequence`.execute(trx)
    return Number(numAffectedRows ?? 0n)
  })
}

/** Gives up what the signer has claimed and has no nonce, so that others need not wait for the end of the claim. */
export async function releaseClaims(
  db: Kysely<Database> | Transaction<Database>,
  { chainId, address }: SignerKey,
): Promise<void> {
  await sql`
    WITH claimed AS (
      SELECT b.ledger_id, b.batch_sequence FROM settlement.batches b JOIN registry.tokens t ON t.token_id = b.token_id
      WHERE t.chain_id = ${chainId} AND b.claimed_by = ${address} AND b.state IN ('sealed', 'simulated')
        AND NOT EXISTS (
          SELECT FROM settlement.nonces n
          WHERE n.ledger_id = b.ledger_id AND n.batch_sequence = b.batch_sequence AND n.spent_in_vain_at IS NULL)
      FOR NO KEY UPDATE OF b SKIP LOCKED
    )
    UPDATE settlement.batches b SET claimed_by = NULL, claimed_until = NULL
    FROM claimed WHERE b.ledger_id = claimed.ledger_id AND b.batch_sequence = claimed.batch_sequence`.execute(
    db,
  )
}

/** When the first batch is due that failed, or that another signer has claimed and may not get done; null where none is. */
export async function nextClaimAt(
  db: Kysely<Database>,
  { address }: SignerKey,
  tokenIds: readonly number[],
  now: Date,
): Promise<Date | null> {
  const { rows } = await sql<{ next_at: Date | null }>`
    SELECT min(greatest(b.retry_at, CASE WHEN b.claimed_by <> ${address} THEN b.claimed_until END)) AS next_at
    FROM settlement.batches b
    JOIN settlement.lanes l ON l.ledger_id = b.ledger_id AND l.token_id = b.token_id
    WHERE b.token_id = ANY(${[...tokenIds]}::integer[]) AND b.state IN ('sealed', 'simulated') AND (l.paused_at IS NULL OR b.cancel_requested_at IS NOT NULL)
      AND (b.retry_at > ${now} OR (b.claimed_by <> ${address} AND b.claimed_until > ${now}))
      AND NOT EXISTS (
        SELECT FROM settlement.nonces n
        WHERE n.ledger_id = b.ledger_id AND n.batch_sequence = b.batch_sequence AND n.spent_in_vain_at IS NULL)`.execute(
    db,
  )
  return rows[0]?.next_at ?? null
}

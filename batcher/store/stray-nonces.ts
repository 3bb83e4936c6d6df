import { type Kysely, sql } from "kysely"
import type { Hex } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import { openStates } from "../domain/call-state.ts"
import { type CallKey, keyOfColumns } from "./call-key.ts"
import type { SignerKey } from "./leases.ts"
import { columnsOfTransactions, type OpenCall } from "./open-call.ts"

/** A nonce that no open call looks after: its batch or anchor is done, or has another one. Where nothing is stored for it, it has no hashes. */
export type StrayNonce = {
  readonly nonce: bigint
  /** What it was reserved for. */
  readonly key: CallKey
  /** Whether a call is signed for it that must not be made by it any more, since nothing but the nonce keeps it from being made a second time. */
  readonly mustNotRun: boolean
  /** Of a batch that is being cancelled, or was: nothing else may be sent for it. */
  readonly cancelledBatchId: Hex | null
} & Pick<OpenCall, "hashes" | "sentAt" | "waitingSince" | "sentFirstAt">

/** Nonces `n`, each with the batch `b` or the anchor `a` that it was reserved for. */
export const ofNonces = sql`
  settlement.nonces n
  LEFT JOIN settlement.batches b ON b.ledger_id = n.ledger_id AND b.batch_sequence = n.batch_sequence
  LEFT JOIN settlement.anchors a ON a.ledger_id = n.ledger_id AND a.tree_size = n.tree_size`

/** Whether the call will still use its nonce, or sends that nonce's transaction again by itself. */
export const isWantedByCall = sql<boolean>`
  (n.spent_in_vain_at IS NULL AND coalesce(b.state, a.state) IN (${sql.join(openStates.map((state) => sql.lit(state)))}))`

/** Whether the call of a nonce that has bytes may still be made by it, as far as is known: no transaction of the nonce is mined. The database asks the same of each insert. */
export const isReplaceable = sql<boolean>`
  ((n.spent_in_vain_at IS NOT NULL OR coalesce(b.state, a.state) NOT IN ('sealed', 'simulated', 'mined'))
    AND NOT EXISTS (
      SELECT FROM settlement.transactions t
      WHERE t.chain_id = n.chain_id AND t.signer = n.signer AND t.nonce = n.nonce AND t.hash = coalesce(b.tx_hash, a.tx_hash)))`

/** Whether the call of a nonce must not be made by it: see {@link StrayNonce}. The database asks the same before it lets another call take the nonce. */
const mustNotRun = sql<boolean>`settlement.must_not_run(n)`

/** The signer's stray nonces from `firstUnmined` on, lowest first. */
export async function loadStrayNonces(
  db: Kysely<Database>,
  { chainId, address }: SignerKey,
  firstUnmined: bigint,
  limit: number,
): Promise<StrayNonce[]> {
  const { rows } = await sql<{
    nonce: bigint
    ledger_id: string
    batch_sequence: bigint | null
    tree_size: bigint | null
    must_not_run: boolean
    cancelled_batch_id: Hex | null
    hashes: Hex[] | null
    sent_at: Date | null
    waiting_since: Date | null
    sent_first_at: Date | null
  }>`
    SELECT n.nonce, n.ledger_id, n.batch_sequence, n.tree_size, ${mustNotRun} AS must_not_run,
      CASE WHEN b.cancel_requested_at IS NOT NULL THEN b.batch_id END AS cancelled_batch_id, t.*
    FROM ${ofNonces}
    CROSS JOIN LATERAL (
      SELECT ${columnsOfTransactions} FROM settlement.transactions x
      WHERE x.chain_id = n.chain_id AND x.signer = n.signer AND x.nonce = n.nonce) AS t
    WHERE n.chain_id = ${chainId} AND n.signer = ${address} AND n.nonce >= ${firstUnmined} AND NOT ${isWantedByCall}
    ORDER BY n.nonce LIMIT ${limit}`.execute(db)
  return rows.map((row) => ({
    nonce: row.nonce,
    key: keyOfColumns(row),
    mustNotRun: row.must_not_run,
    cancelledBatchId: row.cancelled_batch_id,
    hashes: row.hashes ?? [],
    sentAt: row.sent_at,
    waitingSince: row.waiting_since,
    sentFirstAt: row.sent_first_at,
  }))
}

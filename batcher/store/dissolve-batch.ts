import { type Kysely, sql, type Transaction } from "kysely"
import type { Hex } from "viem"
import { unguardedCalls } from "../../ledger/domain/batch-calls.ts"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import { append } from "../../ledger/store/append.ts"
import type { Database } from "../../ledger/store/database.ts"
import { withHead } from "../../ledger/store/ledger-transaction.ts"
import type { BatchKey } from "./call-key.ts"
import type { Desk } from "./call-moves.ts"
import { notifyLaneChanged } from "./lane-changed.ts"
import { requireSigner } from "./leases.ts"
import type { OpenBatch } from "./open-call.ts"

/**
 * Whether something that was signed for a batch `b` may be mined, now or after a reorganisation: then it is not taken apart. With a guard that is so once it had a nonce. Without one a nonce that was
 * shown to be used up by something else is as good as none.
 */
const mayBeMined = sql<boolean>`
  (EXISTS (
    SELECT FROM settlement.nonces n WHERE n.ledger_id = b.ledger_id AND n.batch_sequence = b.batch_sequence
      AND (b.batch_call <> ALL(${unguardedCalls}::text[]) OR n.spent_in_vain_at IS NULL))
    OR settlement.may_still_be_mined(b.ledger_id, b.batch_sequence))`

export async function maySignedBatchBeMined(db: Kysely<Database>, key: BatchKey): Promise<boolean> {
  const { rows } = await sql<{ may_be_mined: boolean }>`
    SELECT ${mayBeMined} AS may_be_mined FROM settlement.batches b
    WHERE b.ledger_id = ${key.ledgerId} AND b.batch_sequence = ${key.batchSequence}`.execute(db)
  return rows[0]?.may_be_mined ?? true
}

/**
 * Takes a batch apart of which nothing can be mined, in one transaction with its event: the refused accounts become dead letters, all other changes wait again and are due at once. A debit
 * that the address cannot pay is tried again later, like one that a guarded token skips, and stays a dead letter after as many times.
 * @returns false when the batch has gone on meanwhile, or may be mined: then nothing is changed
 * @throws ChainBridgeError LEASE_LOST
 */
export function dissolveBatch(
  { db, signer, lease }: Desk,
  call: OpenBatch,
  options: {
    readonly refused: readonly {
      readonly address: Hex
      readonly reason: string
      /** Whether it is a debit of more than the address holds. */
      readonly isUnfunded: boolean
    }[]
    readonly deferralsMax: number
    /** The chain's newest block. */
    readonly head: bigint
    readonly at: Date
  },
): Promise<boolean> {
  const { ledgerId, batchSequence, batchId } = call
  const { refused, at } = options
  return withHead(db, ledgerId, async (ledger) => {
    await requireSigner(ledger.trx, signer, lease)
    const { rows: batches } = await sql`
      SELECT 1 FROM settlement.batches b
      WHERE b.ledger_id = ${ledgerId} AND b.batch_sequence = ${batchSequence} AND b.state IN ('sealed', 'simulated')
        AND NOT ${mayBeMined}
        -- Somebody may have asked for its cancellation while its accounts were asked about, and was told that the chain decides.
        AND b.cancel_requested_at IS NULL
        -- One that was confirmed once, by whatever transaction, may be so again.
        AND NOT EXISTS (
          SELECT FROM settlement.batch_accounts x WHERE x.ledger_id = b.ledger_id AND x.batch_sequence = b.batch_sequence AND x.state <> 'open')
      FOR NO KEY UPDATE OF b`.execute(ledger.trx)
    if (batches.length === 0) return false
    const { rows } = await sql<{ account_id: bigint; reason: string }>`
      SELECT b.account_id, r.reason FROM settlement.batch_accounts b
      JOIN ledger.accounts a ON a.ledger_id = b.ledger_id AND a.account_id = b.account_id
      JOIN unnest(${refused.map(({ address }) => address)}::text[], ${refused.map(({ reason }) => reason)}::text[])
        AS r(address, reason) ON r.address = a.address
      WHERE b.ledger_id = ${ledgerId} AND b.batch_sequence = ${batchSequence} ORDER BY b.account_id`.execute(
      ledger.trx,
    )
    await append(
      ledger,
      [
        {
          type: "SettlementDissolved",
          data: {
            batch_sequence: Number(batchSequence),
            batch_id: batchId,
            refused: rows.map(({ account_id: id, reason }) => ({ account_id: Number(id), reason })),
          },
          operation: null,
          account: null,
          occurredAt: at,
          causation: `batch:${batchId}`,
          details: null,
        },
      ],
      at,
    )
    const deferred = await deferUnfunded(ledger.trx, call, options)
    const [first] = rows.filter(({ account_id: id }) => !deferred.has(id))
    if (first !== undefined)
      await raiseAlarm(ledger.trx, {
        kind: "dead_letters",
        subject: ledgerId,
        ledgerId,
        message: `the chain refuses changes of ${rows.length - deferred.size} account(s): ${first.reason}; see GET /dead-letters`,
      })
    await notifyLaneChanged(ledger.trx, ledgerId)
    return true
  })
}

/** @returns the accounts whose letters are closed again: they wait, as long as after a skipped debit */
async function deferUnfunded(
  trx: Transaction<Database>,
  { ledgerId, batchSequence }: OpenBatch,
  { refused, deferralsMax, head, at }: Parameters<typeof dissolveBatch>[2],
): Promise<ReadonlySet<bigint>> {
  const addresses = refused.filter(({ isUnfunded }) => isUnfunded).map(({ address }) => address)
  if (addresses.length === 0) return new Set()
  const { rows } = await sql<{ account_id: bigint }>`
    WITH tried AS (
      UPDATE settlement.batch_items i SET deferrals = i.deferrals + 1, deferred_block = ${head}
      FROM settlement.dead_letters l JOIN ledger.accounts a ON a.ledger_id = l.ledger_id AND a.account_id = l.account_id
      WHERE l.ledger_id = ${ledgerId} AND l.batch_sequence = ${batchSequence} AND l.closed_at IS NULL AND a.address = ANY(${addresses}::text[])
        AND i.ledger_id = l.ledger_id AND i.account_id = l.account_id AND i.position <= l.through_position AND i.state = 'waiting'
      RETURNING i.account_id, i.deferrals)
    UPDATE settlement.dead_letters l SET closed_at = ${at}, outcome = 'retried', closed_by = 'batcher'
    WHERE l.ledger_id = ${ledgerId} AND l.batch_sequence = ${batchSequence} AND l.closed_at IS NULL
      AND l.account_id IN (SELECT account_id FROM tried GROUP BY account_id HAVING max(deferrals) < ${deferralsMax})
    RETURNING l.account_id`.execute(trx)
  return new Set(rows.map((row) => row.account_id))
}

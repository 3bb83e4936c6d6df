import { type Kysely, sql } from "kysely"
import type { Hex } from "viem"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import { append } from "../../ledger/store/append.ts"
import type { Database } from "../../ledger/store/database.ts"
import { withHead } from "../../ledger/store/ledger-transaction.ts"
import type { BatchKey } from "./call-key.ts"
import type { Desk } from "./call-moves.ts"
import { notifyLaneChanged } from "./lane-changed.ts"
import { requireSigner } from "./leases.ts"
import type { OpenBatch } from "./open-call.ts"

/** Whether the batch had a nonce at any time: then it may have been signed, and is not taken apart. */
export async function hadNonce(db: Kysely<Database>, key: BatchKey): Promise<boolean> {
  const { rows } = await sql`
    SELECT 1 FROM settlement.nonces WHERE ledger_id = ${key.ledgerId} AND batch_sequence = ${key.batchSequence} LIMIT 1`.execute(
    db,
  )
  return rows.length > 0
}

/**
 * Takes a batch apart that never had a nonce, in one transaction with its event: the refused accounts become dead letters, all other changes wait again and are due at once.
 * @returns false when the batch has gone on meanwhile, or was signed before: then nothing is changed
 * @throws ChainBridgeError LEASE_LOST
 */
export function dissolveBatch(
  { db, signer, lease }: Desk,
  call: OpenBatch,
  options: {
    readonly refused: readonly { readonly address: Hex; readonly reason: string }[]
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
        AND NOT EXISTS (SELECT FROM settlement.nonces n WHERE n.ledger_id = b.ledger_id AND n.batch_sequence = b.batch_sequence)
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
    const [first] = rows
    await raiseAlarm(ledger.trx, {
      kind: "dead_letters",
      subject: ledgerId,
      ledgerId,
      message: `the chain refuses changes of ${rows.length} account(s): ${first?.reason ?? ""}; see GET /dead-letters`,
    })
    await notifyLaneChanged(ledger.trx, ledgerId)
    return true
  })
}

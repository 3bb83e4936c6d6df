import { type Kysely, sql, type Transaction } from "kysely"
import type { RecordedEvent } from "../domain/events.ts"
import { revokeEvent } from "../domain/revoke-event.ts"
import { raiseAlarm } from "../store/alarms.ts"
import { append } from "../store/append.ts"
import type { Database } from "../store/database.ts"
import { balanceOf, type LedgerTransaction, loadBalances } from "../store/ledger-transaction.ts"
import { parseEvent, readEventsAt, type StoredEvent } from "../store/read-events.ts"
import { type ChainCursor, lockCursor, lockLedgers } from "./confirm-blocks.ts"

/** Confirmations that stand in blocks above a height, each block once. */
export async function confirmedBlocksAbove(
  db: Kysely<Database>,
  chainId: number,
  blockNumber: bigint,
): Promise<{ blockNumber: bigint; blockHash: string }[]> {
  const rows = await db
    .selectFrom("ledger.confirmations")
    .select(["block_number", "block_hash"])
    .distinct()
    .where("chain_id", "=", BigInt(chainId))
    .where("block_number", ">", blockNumber)
    .where("revoked_position", "is", null)
    .execute()
  return rows.map((row) => ({ blockNumber: row.block_number, blockHash: row.block_hash }))
}

/**
 * Takes back every confirmation of the orphaned blocks and rewinds the cursor to the newest block that is still part of the chain, in one transaction and before anything new is
 * confirmed. The blocks above are read again afterwards; what they still hold is known by its natural key.
 * @returns the number of confirmations that were taken back, or `moved` where another worker was faster
 */
export function revokeBlocks(
  db: Kysely<Database>,
  chainId: number,
  step: {
    readonly cursor: ChainCursor
    readonly common: ChainCursor & { readonly time: Date }
    readonly orphanedHashes: readonly string[]
  },
  now: Date,
): Promise<number | "moved"> {
  return db.transaction().execute(async (trx) => {
    if (!(await lockCursor(trx, chainId, step.cursor))) return "moved"
    const { rows: orphaned } = await sql<{ ledger_id: string; position: bigint }>`
      SELECT ledger_id, position FROM ledger.confirmations
      WHERE chain_id = ${chainId} AND block_number > ${step.common.blockNumber} AND revoked_position IS NULL
        AND block_hash = ANY(${step.orphanedHashes}::text[])
      ORDER BY ledger_id, position DESC`.execute(trx)
    const ledgers = await lockLedgers(trx, [...new Set(orphaned.map((row) => row.ledger_id))])
    for (const ledger of ledgers.values()) {
      const positions = orphaned.filter((row) => row.ledger_id === ledger.ledgerId).map((row) => row.position)
      await revokeInLedger(ledger, positions, now)
    }
    await rewindCursor(trx, chainId, step.common, now)
    await raiseAlarm(trx, {
      kind: "reorg_below_confirmations",
      subject: `chain:${chainId}`,
      message: `chain ${chainId} replaced blocks after ${step.common.blockNumber} that had been confirmed up to ${step.cursor.blockNumber}; ${orphaned.length} confirmations were taken back`,
    })
    return orphaned.length
  })
}

/** Latest first, so that every event is taken back from the state that it left. */
async function revokeInLedger(
  ledger: LedgerTransaction,
  positions: readonly bigint[],
  now: Date,
): Promise<void> {
  const stored = new Map(
    (await readEventsAt(ledger.trx, ledger.ledgerId, positions)).map((event) => [event.position, event]),
  )
  for (const position of positions) {
    const event = stored.get(position)
    if (event === undefined) throw new TypeError(`confirmation ${position} has no event`)
    const [revocation] = await appendRevocation(ledger, event, now)
    await sql`
      UPDATE ledger.confirmations SET revoked_position = ${revocation?.position}
      WHERE ledger_id = ${ledger.ledgerId} AND position = ${position}`.execute(ledger.trx)
  }
}

async function appendRevocation(
  ledger: LedgerTransaction,
  stored: StoredEvent,
  now: Date,
): Promise<RecordedEvent[]> {
  const event = parseEvent(stored)
  if (event.account !== null) await loadBalances(ledger, [event.account.accountId])
  const reopened =
    event.type === "SettlementDeferred"
      ? await accountsStillWaiting(ledger, event.data.batch_sequence)
      : new Set<number>()
  return append(
    ledger,
    [
      revokeEvent(
        stored.position,
        event,
        (accountId) => reopened.has(accountId),
        (accountId) => balanceOf(ledger, accountId).pending,
        now,
      ),
    ],
    now,
  )
}

/** Accounts whose changes of this batch all wait, none sealed into another batch or netted since. */
async function accountsStillWaiting(ledger: LedgerTransaction, batchSequence: number): Promise<Set<number>> {
  const { rows } = await sql<{ account_id: bigint }>`
    SELECT i.account_id
    FROM settlement.batches b
    JOIN ledger.events e ON e.ledger_id = b.ledger_id AND e.position = b.sealed_position
    CROSS JOIN LATERAL json_array_elements(e.data->'accounts') AS a
    CROSS JOIN LATERAL json_array_elements_text(a->'positions') AS p
    JOIN settlement.batch_items i ON i.ledger_id = b.ledger_id AND i.position = p::bigint
    WHERE b.ledger_id = ${ledger.ledgerId} AND b.batch_sequence = ${batchSequence}
    GROUP BY i.account_id HAVING bool_and(i.state = 'waiting')`.execute(ledger.trx)
  return new Set(rows.map((row) => Number(row.account_id)))
}

async function rewindCursor(
  trx: Transaction<Database>,
  chainId: number,
  common: ChainCursor & { readonly time: Date },
  now: Date,
): Promise<void> {
  await sql`DELETE FROM ledger.confirmed_blocks WHERE chain_id = ${chainId} AND block_number > ${common.blockNumber}`.execute(
    trx,
  )
  await sql`
    UPDATE ledger.chain_cursors
    SET block_number = ${common.blockNumber}, block_hash = ${common.blockHash}, block_time = ${common.time}, updated_at = ${now}
    WHERE chain_id = ${chainId}`.execute(trx)
}

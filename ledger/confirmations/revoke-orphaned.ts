import { sql, type Transaction } from "kysely"
import { effectsOf } from "../domain/effects.ts"
import type { RecordedEvent } from "../domain/events.ts"
import { revokeEvent } from "../domain/revoke-event.ts"
import { append } from "../store/append.ts"
import type { Database } from "../store/database.ts"
import { balanceOf, type LedgerTransaction, loadBalances } from "../store/ledger-transaction.ts"
import { parseEvent, readEventsAt, type StoredEvent } from "../store/read-events.ts"
import { watchOverdrawn } from "./overdrawn.ts"

export type OrphanedConfirmation = { readonly ledgerId: string; readonly position: bigint }

/** Confirmations that stand in blocks above this one, the newest of ours that is part of the chain. */
export async function findOrphaned(
  trx: Transaction<Database>,
  chainId: number,
  above: bigint,
): Promise<OrphanedConfirmation[]> {
  const { rows } = await sql<{ ledger_id: string; position: bigint }>`
    SELECT ledger_id, position FROM ledger.confirmations
    WHERE chain_id = ${chainId} AND block_number > ${above} AND revoked_position IS NULL
    ORDER BY ledger_id, position DESC`.execute(trx)
  return rows.map((row) => ({ ledgerId: row.ledger_id, position: row.position }))
}

/** @param ledgers the ledgers of all these confirmations, their heads locked */
export async function revokeOrphaned(
  ledgers: ReadonlyMap<string, LedgerTransaction>,
  orphaned: readonly OrphanedConfirmation[],
  now: Date,
): Promise<void> {
  for (const ledger of ledgers.values()) {
    const positions = orphaned
      .filter(({ ledgerId }) => ledgerId === ledger.ledgerId)
      .map(({ position }) => position)
    if (positions.length > 0) await revokeInLedger(ledger, positions, now)
  }
}

/** Latest first, so that every event is taken back from the state that it left. */
async function revokeInLedger(
  ledger: LedgerTransaction,
  positions: readonly bigint[],
  now: Date,
): Promise<void> {
  const pending = new Map<bigint, bigint>()
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
    for (const { accountId } of revocation === undefined ? [] : effectsOf(revocation))
      pending.set(accountId, balanceOf(ledger, accountId).pending)
  }
  await watchOverdrawn(ledger, pending)
}

async function appendRevocation(
  ledger: LedgerTransaction,
  stored: StoredEvent,
  now: Date,
): Promise<RecordedEvent[]> {
  const event = parseEvent(stored)
  if (event.account !== null) await loadBalances(ledger, [event.account.accountId])
  const reopened =
    event.type === "SettlementDeferred" || event.type === "SettlementCancelled"
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
    JOIN ledger.event_log e ON e.ledger_id = b.ledger_id AND e.position = b.sealed_position
    CROSS JOIN LATERAL json_array_elements(e.data->'accounts') AS a
    CROSS JOIN LATERAL json_array_elements_text(a->'positions') AS p
    JOIN settlement.batch_items i ON i.ledger_id = b.ledger_id AND i.position = p::bigint
    WHERE b.ledger_id = ${ledger.ledgerId} AND b.batch_sequence = ${batchSequence}
    GROUP BY i.account_id HAVING bool_and(i.state = 'waiting')`.execute(ledger.trx)
  return new Set(rows.map((row) => Number(row.account_id)))
}

import { type Kysely, sql } from "kysely"
import { unreachable } from "../../platform/errors.ts"
import { type DiscardRefusal, decideDiscard } from "../domain/discard-changes.ts"
import type { Initiator } from "../domain/operator-action.ts"
import { clearAlarm } from "../store/alarms.ts"
import { append } from "../store/append.ts"
import { laneChangedChannel } from "../store/channels.ts"
import type { Database } from "../store/database.ts"
import {
  balanceOf,
  type LedgerTransaction,
  loadBalances,
  recordingTime,
  withHead,
} from "../store/ledger-transaction.ts"
import { recordAction } from "../store/record-action.ts"

export type ClosingOfDeadLetter = {
  readonly ledgerId: string
  readonly deadLetterId: bigint
  /** Who asked, for the log. */
  readonly requestedBy: string
  readonly at: Date
  /** Whom the audit log names. */
  readonly initiator?: Initiator
} & ({ readonly outcome: "retried" } | { readonly outcome: "discarded"; readonly reason: string })

export type ClosedDeadLetter =
  | { readonly closed: true }
  | DiscardRefusal
  | { readonly refused: "UNKNOWN_DEAD_LETTER" }
  | { readonly refused: "DEAD_LETTER_CLOSED"; readonly outcome: string; readonly closedAt: Date }

type Letter = {
  readonly account_id: bigint
  readonly through_position: bigint
  readonly outcome: string | null
  readonly closed_at: Date | null
}

/** So many changes are renewed while the head is locked; a busy account may have any number of them, and the whole ledger's writes would wait. */
const renewedAtOnce = 5_000

/** What a retry does to waiting changes. At once: nothing that holds small or early changes back holds these. Skipped debits are counted anew. */
const renewed = sql`deferrals = 0, is_immediate = true`

/**
 * Renews what waits behind an open letter beforehand, where it is much: a page after the other, without the head's lock. As long as the letter is open nothing of it is settled, whatever its changes say.
 * @returns the position behind which nothing is renewed yet
 */
async function renewBeforehand(
  db: Kysely<Database>,
  { ledgerId, deadLetterId }: ClosingOfDeadLetter,
): Promise<bigint> {
  const { rows } = await sql<{ position: bigint }>`
    SELECT i.position FROM settlement.dead_letters d
    JOIN settlement.batch_items i ON i.ledger_id = d.ledger_id AND i.account_id = d.account_id AND i.state = 'waiting'
    WHERE d.ledger_id = ${ledgerId} AND d.dead_letter_id = ${deadLetterId} AND d.closed_at IS NULL
    ORDER BY i.position`.execute(db)
  if (rows.length <= renewedAtOnce) return 0n
  for (let at = 0; at < rows.length; at += renewedAtOnce) {
    const page = rows.slice(at, at + renewedAtOnce).map(({ position }) => position)
    await sql`
      UPDATE settlement.batch_items i SET ${renewed}
      FROM (
        SELECT position FROM settlement.batch_items WHERE ledger_id = ${ledgerId} AND position = ANY(${page}::bigint[]) AND state = 'waiting'
        ORDER BY position FOR UPDATE
      ) AS p
      WHERE i.ledger_id = ${ledgerId} AND i.position = p.position`.execute(db)
  }
  return rows.at(-1)?.position ?? 0n
}

/**
 * Ends a dead letter: its changes wait to be settled again, or they are discarded by an event of the log. One commit, under the head's lock, so that nobody seals or reverses them meanwhile.
 */
export async function closeDeadLetter(
  db: Kysely<Database>,
  closing: ClosingOfDeadLetter,
): Promise<ClosedDeadLetter> {
  const { ledgerId, deadLetterId, outcome } = closing
  const renewedThrough = outcome === "retried" ? await renewBeforehand(db, closing) : 0n
  return withHead(db, ledgerId, async (ledger): Promise<ClosedDeadLetter> => {
    const { rows } = await sql<Letter>`
      SELECT account_id, through_position, outcome, closed_at FROM settlement.dead_letters
      WHERE ledger_id = ${ledgerId} AND dead_letter_id = ${deadLetterId} FOR UPDATE`.execute(ledger.trx)
    const [letter] = rows
    if (letter === undefined) return { refused: "UNKNOWN_DEAD_LETTER" }
    if (letter.outcome !== null && letter.closed_at !== null)
      return { refused: "DEAD_LETTER_CLOSED", outcome: letter.outcome, closedAt: letter.closed_at }
    switch (outcome) {
      case "retried":
        await sql`
          UPDATE settlement.batch_items SET ${renewed}
          WHERE ledger_id = ${ledgerId} AND account_id = ${letter.account_id} AND state = 'waiting' AND position > ${renewedThrough}`.execute(
          ledger.trx,
        )
        break
      case "discarded": {
        const refusal = await discard(ledger, letter, closing)
        if (refusal !== null) return refusal
        break
      }
      default:
        return unreachable(outcome)
    }
    await sql`
      UPDATE settlement.dead_letters SET closed_at = ${closing.at}, outcome = ${outcome}, closed_by = ${closing.requestedBy}
      WHERE dead_letter_id = ${deadLetterId}`.execute(ledger.trx)
    await clearWhenNoneIsOpen(ledger)
    if (closing.initiator !== undefined)
      await recordAction(ledger.trx, {
        ...closing.initiator,
        ledgerId,
        action: `dead_letter.${outcome}`,
        subject: `dead_letter:${deadLetterId}`,
        before: { status: "open" },
        after: { status: outcome, ...(outcome === "discarded" ? { reason: closing.reason } : {}) },
      })
    await sql`SELECT pg_notify(${laneChangedChannel}, ${ledgerId})`.execute(ledger.trx)
    return { closed: true }
  })
}

async function discard(
  ledger: LedgerTransaction,
  letter: Letter,
  closing: ClosingOfDeadLetter & { readonly outcome: "discarded" },
): Promise<DiscardRefusal | null> {
  const { rows } = await sql<{ position: bigint; amount: bigint; reversed_by: bigint | null }>`
    SELECT i.position, i.amount, r.position AS reversed_by FROM settlement.batch_items i
    LEFT JOIN ledger.reversals r ON r.ledger_id = i.ledger_id AND r.reversed_position = i.position
    WHERE i.ledger_id = ${ledger.ledgerId} AND i.account_id = ${letter.account_id} AND i.state = 'waiting'
      AND i.position <= ${letter.through_position}
    ORDER BY i.position`.execute(ledger.trx)
  await loadBalances(ledger, [letter.account_id])
  const at = recordingTime(ledger, closing.at)
  const [reversed] = rows.flatMap(({ position, reversed_by: reversedBy }) =>
    reversedBy === null ? [] : [{ position, reversedBy }],
  )
  const decided = decideDiscard(
    { accountId: letter.account_id, changes: rows, reversed: reversed ?? null },
    balanceOf(ledger, letter.account_id),
    {
      reason: closing.reason,
      requestedBy: closing.requestedBy,
      causation: `dead_letter:${closing.deadLetterId}`,
    },
    at,
  )
  if ("refused" in decided) return decided
  await append(ledger, [decided], at)
  return null
}

async function clearWhenNoneIsOpen({ ledgerId, trx }: LedgerTransaction): Promise<void> {
  const { rows } = await sql`
    SELECT 1 FROM settlement.dead_letters WHERE ledger_id = ${ledgerId} AND closed_at IS NULL LIMIT 1`.execute(
    trx,
  )
  if (rows.length === 0) await clearAlarm(trx, "dead_letters", ledgerId)
}

import { CompiledQuery, type Kysely, sql, type Transaction } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import type { NewEventOf } from "../domain/events.ts"
import { redactionOf } from "../domain/redact-details.ts"
import { causationOfRedaction } from "../projections/redactions.ts"
import { append } from "../store/append.ts"
import type { Database } from "../store/database.ts"
import { findDetails } from "../store/find-details.ts"
import { recordingTime, withHead } from "../store/ledger-transaction.ts"
import { parseEvent, readEventsAt } from "../store/read-events.ts"
import { type Erasable, findErasable } from "./find-erasable.ts"

/** Events of one step: everybody who writes to the ledger waits for it. */
const stepEvents = 5_000

type Row = {
  readonly user_id: string
  readonly cursor: bigint
  readonly redacted: bigint
  readonly finished_at: Date | null
}

/**
 * Makes the next step of a user's erasure. Each is one transaction and leaves behind how far it came, so that any process can make the next one; two that make the same step
 * at the same time make it once.
 * @param position of the erasure's first event
 * @returns whether nothing is left to do, and how many events the erasure has erased the details of
 */
export async function continueRedaction(
  db: Kysely<Database>,
  ledgerId: string,
  position: bigint,
  now: Date,
): Promise<{ readonly isFinished: boolean; readonly redacted: bigint }> {
  const row = await readRow(db, ledgerId, position)
  if (row.finished_at !== null) return { isFinished: true, redacted: row.redacted }
  const between = { after: row.cursor, before: position }
  const found = await findErasable(db, ledgerId, row.user_id, between, stepEvents)
  if (found.positions.length === 0) {
    await moveOn(db, ledgerId, position, row, found, 0)
    return { isFinished: found.isEnd, redacted: row.redacted }
  }
  const first = await readFirst(db, ledgerId, position)
  return withHead(db, ledgerId, async (ledger) => {
    // Somebody else may have made this step while we looked for it.
    const current = await readRow(ledger.trx, ledgerId, position)
    if (current.cursor !== row.cursor || current.finished_at !== null)
      return { isFinished: current.finished_at !== null, redacted: current.redacted }
    const at = recordingTime(ledger, now)
    const { text, values } = findDetails(ledgerId, found.positions)
    const { rows } = await ledger.trx.executeQuery<{ position: bigint }>(CompiledQuery.raw(text, [...values]))
    const data = redactionOf(new Set(rows.map((left) => left.position)), {
      positions: found.positions,
      userId: row.user_id,
      reason: first.data.reason,
      requestedBy: first.data.requested_by,
    })
    if (data !== null) {
      const causation = causationOfRedaction(position)
      const common = { operation: null, account: null, occurredAt: at, causation, details: null }
      await append(ledger, [{ ...common, type: "DetailsRedacted", data }], at)
    }
    const erased = data?.positions.length ?? 0
    await moveOn(ledger.trx, ledgerId, position, row, found, erased)
    return { isFinished: found.isEnd, redacted: row.redacted + BigInt(erased) }
  })
}

async function readRow(
  db: Kysely<Database> | Transaction<Database>,
  ledgerId: string,
  position: bigint,
): Promise<Row> {
  const { rows } = await sql<Row>`
    SELECT user_id, cursor, redacted, finished_at FROM ledger.redactions
    WHERE ledger_id = ${ledgerId} AND position = ${position}`.execute(db)
  const [row] = rows
  if (row === undefined)
    throw new ChainBridgeError("UNKNOWN_REDACTION", `position ${position} begins no erasure of a user`)
  return row
}

async function readFirst(
  db: Kysely<Database>,
  ledgerId: string,
  position: bigint,
): Promise<NewEventOf<"DetailsRedacted">> {
  const [stored] = await readEventsAt(db, ledgerId, [position])
  const event = stored === undefined ? undefined : parseEvent(stored)
  if (event?.type !== "DetailsRedacted")
    throw new ChainBridgeError("INVARIANT_VIOLATED", `position ${position} begins no erasure of a user`)
  return event
}

async function moveOn(
  db: Kysely<Database> | Transaction<Database>,
  ledgerId: string,
  position: bigint,
  from: Row,
  { cursor, isEnd }: Erasable,
  erased: number,
): Promise<void> {
  await sql`
    UPDATE ledger.redactions SET cursor = ${cursor}, redacted = redacted + ${erased}, steps = steps + ${erased > 0 ? 1 : 0},
      finished_at = CASE WHEN ${isEnd} THEN now() END
    WHERE ledger_id = ${ledgerId} AND position = ${position} AND cursor = ${from.cursor} AND finished_at IS NULL`.execute(
    db,
  )
}

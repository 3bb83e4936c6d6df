import { type Kysely, sql } from "kysely"
import { describeError } from "../platform/errors.ts"
import type { Logger } from "../platform/logger.ts"
import { type Loop, startLoop } from "../platform/loop.ts"
import { watchOverdrawn } from "./confirmations/overdrawn.ts"
import { clearAlarm, raiseAlarm } from "./store/alarms.ts"
import type { Database } from "./store/database.ts"
import { withHead } from "./store/ledger-transaction.ts"

const pollMs = 5_000
/** By how much the last event of a ledger may be ahead of the database's clock: more than what recordingTime allows. */
const aheadMsMax = 10_000

/** Looks after alarms of ledgers that nobody else would raise or clear, for as long as the process lives. Any number of processes may run it. */
export function runLedgerWatch(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly pollMs?: number
}): Loop {
  const { db, logger } = options
  return startLoop({
    name: "ledger watch",
    logger,
    gapMs: 0,
    async turn() {
      await watchClocks(db)
      await watchDebts(db, logger)
      return options.pollMs ?? pollMs
    },
  })
}

/**
 * Nothing is ever recorded before what is there already, so that a ledger whose last event is ahead stands still in time until then: holds and waits of settlement are counted from it, and a balance
 * of now is asked for by position. It takes a database whose clock was set back, or its copy on a machine with another one.
 */
async function watchClocks(db: Kysely<Database>): Promise<void> {
  const { rows } = await sql<{ ledger_id: string; recorded_at: Date; is_ahead: boolean }>`
    SELECT h.ledger_id, h.recorded_at, h.recorded_at > clock_timestamp() + ${aheadMsMax} * interval '1 ms' AS is_ahead
    FROM ledger.head h LEFT JOIN registry.alarms a ON a.kind = 'clock_ahead' AND a.subject = h.ledger_id::text AND a.cleared_at IS NULL
    WHERE a.alarm_id IS NOT NULL OR h.recorded_at > clock_timestamp() + ${aheadMsMax} * interval '1 ms'`.execute(
    db,
  )
  for (const { ledger_id: ledgerId, recorded_at: recordedAt, is_ahead: isAhead } of rows) {
    if (!isAhead) await clearAlarm(db, "clock_ahead", ledgerId)
    else
      await raiseAlarm(db, {
        kind: "clock_ahead",
        subject: ledgerId,
        ledgerId,
        message: `the last event was recorded at ${recordedAt.toISOString()}, which by the database's clock has not come yet. Until then everything is recorded with that time; set the clock right`,
      })
  }
}

/** What an account owes may be paid back within the ledger, of which no log of a chain ever tells. */
async function watchDebts(db: Kysely<Database>, logger: Logger): Promise<void> {
  const { rows } = await sql<{ ledger_id: string; account_id: bigint }>`
    SELECT ledger_id, split_part(subject, ':', 2)::bigint AS account_id FROM registry.alarms
    WHERE kind = 'overdrawn' AND cleared_at IS NULL`.execute(db)
  // Behind the lock nobody raises meanwhile what is cleared here.
  for (const [ledgerId, accounts] of Map.groupBy(rows, ({ ledger_id: id }) => id))
    await withHead(db, ledgerId, async (ledger) => {
      const { rows: balances } = await sql<{ account_id: bigint; pending: bigint }>`
        SELECT account_id, pending FROM ledger.balances
        WHERE ledger_id = ${ledgerId} AND account_id = ANY(${accounts.map(({ account_id: id }) => id.toString())}::bigint[])`.execute(
        ledger.trx,
      )
      await watchOverdrawn(ledger, new Map(balances.map((each) => [each.account_id, each.pending])))
    }).catch((error: unknown) =>
      // One ledger's trouble keeps no other one waiting.
      logger.warn({ ledgerId, fault: describeError(error) }, "debts could not be looked at"),
    )
}

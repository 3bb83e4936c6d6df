import { type Kysely, sql } from "kysely"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { type Loop, startLoop } from "../../platform/loop.ts"
import { clearAlarm, raiseAlarm } from "../store/alarms.ts"
import { createBackOff } from "../store/back-off.ts"
import type { Database } from "../store/database.ts"
import { expireHolds } from "./expire-holds.ts"

/** Holds of one transaction. */
const pageHolds = 500
const pollMs = 1_000
/** How often alarms are looked at whose holds have ended without us. */
const clearMs = 30_000

/** Gives back what is held beyond its time, for as long as the process lives. Any number of processes may run it: of those that see the same hold one ends it. */
export function runHoldExpiry(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly now?: () => Date
}): Loop {
  const { db, logger, now = () => new Date() } = options
  /** A ledger whose holds cannot be ended keeps no other one waiting. */
  const backOff = createBackOff()
  let clearedAtMs = Number.NEGATIVE_INFINITY

  async function turn(): Promise<number> {
    // Under a clock that was ahead a ledger's time may have come already: by it a hold can be captured no more, and so it must not be kept either.
    const { rows } = await sql<{ ledger_id: string; position: bigint }>`
      (SELECT ledger_id, position, expires_at FROM ledger.holds
        WHERE state = 'open' AND expires_at <= ${now()} AND ledger_id <> ALL(${backOff.waiting()}::uuid[])
        ORDER BY expires_at LIMIT ${pageHolds})
      UNION
      (SELECT h.* FROM ledger.head d CROSS JOIN LATERAL (
          SELECT ledger_id, position, expires_at FROM ledger.holds
          WHERE state = 'open' AND expires_at <= d.recorded_at AND ledger_id = d.ledger_id
          ORDER BY expires_at LIMIT ${pageHolds}
        ) AS h
        WHERE d.recorded_at > ${now()} AND d.ledger_id <> ALL(${backOff.waiting()}::uuid[]))
      ORDER BY expires_at LIMIT ${pageHolds}`.execute(db)
    const due = new Map<string, bigint[]>()
    for (const { ledger_id: ledgerId, position } of rows) {
      const positions = due.get(ledgerId)
      if (positions === undefined) due.set(ledgerId, [position])
      else positions.push(position)
    }
    let expired = 0
    for (const [ledgerId, positions] of due) expired += await expire(ledgerId, positions)
    await clearEnded()
    // By a clock that is ahead holds are due here that are not yet by the ledger's time.
    return rows.length === pageHolds && expired > 0 ? 0 : pollMs
  }

  /** @returns how many have ended */
  async function expire(ledgerId: string, positions: readonly bigint[]): Promise<number> {
    let expired = 0
    const failure = await backOff.attempt(ledgerId, async () => {
      expired = await expireHolds(db, ledgerId, positions, now())
      if (expired > 0) logger.info({ ledgerId, expired }, "holds expired")
      await clearAlarm(db, "holds_failing", ledgerId)
    })
    if (failure === null) return expired
    const message = describeError(failure)
    logger.error({ ledgerId, fault: message }, "holds could not be ended")
    await raiseAlarm(db, { kind: "holds_failing", subject: ledgerId, ledgerId, message })
    return expired
  }

  /** What could not be ended may have been captured or released since. */
  async function clearEnded(): Promise<void> {
    if (performance.now() - clearedAtMs < clearMs) return
    clearedAtMs = performance.now()
    await sql`
      UPDATE registry.alarms a SET cleared_at = now() WHERE a.kind = 'holds_failing' AND a.cleared_at IS NULL AND NOT EXISTS (
        SELECT FROM ledger.holds h WHERE h.ledger_id = a.ledger_id AND h.state = 'open' AND h.expires_at <= ${now()})`.execute(
      db,
    )
  }

  return startLoop({ name: "hold expiry", logger, gapMs: 0, turn })
}

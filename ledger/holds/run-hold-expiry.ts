import { type Kysely, sql } from "kysely"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { type Loop, startLoop } from "../../platform/loop.ts"
import { clearAlarm, raiseAlarm } from "../store/alarms.ts"
import type { Database } from "../store/database.ts"
import { expireHolds } from "./expire-holds.ts"

/** Holds of one transaction. */
const pageHolds = 500
const pollMs = 1_000
/** A ledger whose holds cannot be ended keeps no other one waiting. */
const retryMs = 30_000

/** Gives back what is held beyond its time, for as long as the process lives. Any number of processes may run it: of those that see the same hold one ends it. */
export function runHoldExpiry(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly now?: () => Date
}): Loop {
  const { db, logger, now = () => new Date() } = options
  const failedAt = new Map<string, number>()

  async function turn(): Promise<number> {
    for (const [ledgerId, ms] of failedAt) if (performance.now() - ms > retryMs) failedAt.delete(ledgerId)
    const { rows } = await sql<{ ledger_id: string; position: bigint }>`
      SELECT ledger_id, position FROM ledger.holds
      WHERE state = 'open' AND expires_at <= ${now()} AND ledger_id <> ALL(${[...failedAt.keys()]}::uuid[])
      ORDER BY expires_at LIMIT ${pageHolds}`.execute(db)
    const due = new Map<string, bigint[]>()
    for (const { ledger_id: ledgerId, position } of rows) {
      const positions = due.get(ledgerId)
      if (positions === undefined) due.set(ledgerId, [position])
      else positions.push(position)
    }
    for (const [ledgerId, positions] of due) await expire(ledgerId, positions)
    return rows.length === pageHolds ? 0 : pollMs
  }

  async function expire(ledgerId: string, positions: readonly bigint[]): Promise<void> {
    try {
      const expired = await expireHolds(db, ledgerId, positions, now())
      if (expired > 0) logger.info({ ledgerId, expired }, "holds expired")
      await clearAlarm(db, "holds_failing", ledgerId)
    } catch (error) {
      // Anything else is the database's trouble and shows with the next question.
      if (!(error instanceof ChainBridgeError)) throw error
      failedAt.set(ledgerId, performance.now())
      logger.error({ ledgerId, fault: describeError(error) }, "holds could not be ended")
      await raiseAlarm(db, { kind: "holds_failing", subject: ledgerId, message: error.message })
    }
  }

  return startLoop({ name: "hold expiry", logger, gapMs: 0, turn })
}

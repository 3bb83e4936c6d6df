import { type Kysely, sql } from "kysely"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { type Loop, startLoop } from "../../platform/loop.ts"
import { clearAlarm, raiseAlarm } from "../store/alarms.ts"
import { createBackOff } from "../store/back-off.ts"
import type { Database } from "../store/database.ts"
import { continueRedaction } from "./continue-redaction.ts"

const pollMs = 1_000
/** Rest between two steps of an erasure, so that whoever writes to the ledger meanwhile is served in between. */
const gapMs = 50
/** How often alarms are looked at whose erasures somebody else has finished. */
const clearMs = 30_000

/** Goes on with the erasures that one answer could not finish, for as long as the process lives. Any number of processes may run it. */
export function runRedactions(options: { readonly db: Kysely<Database>; readonly logger: Logger }): Loop {
  const { db, logger } = options
  /** An erasure that does not go on keeps no other one waiting, of its ledger or of another. */
  const backOff = createBackOff()
  let clearedAtMs = Number.NEGATIVE_INFINITY

  async function turn(): Promise<number> {
    // A step of each ledger in turn, however many erasures one of them has.
    const { rows } = await sql<{ ledger_id: string; position: bigint }>`
      SELECT DISTINCT ON (ledger_id) ledger_id, position FROM ledger.redactions
      WHERE finished_at IS NULL AND ledger_id || ':' || position <> ALL(${backOff.waiting()}::text[])
      ORDER BY ledger_id, position`.execute(db)
    for (const { ledger_id: ledgerId, position } of rows) await goOn(ledgerId, position)
    await clearFinished()
    return rows.length === 0 ? pollMs : 0
  }

  async function goOn(ledgerId: string, position: bigint): Promise<void> {
    const subject = `${ledgerId}:${position}`
    const failure = await backOff.attempt(subject, async () => {
      const { isFinished, redacted } = await continueRedaction(db, ledgerId, position, new Date())
      if (isFinished) logger.info({ ledgerId, position, redacted }, "a user's details were erased")
      await clearAlarm(db, "redactions_failing", subject)
    })
    if (failure === null) return
    const message = `the erasure that began at event ${position} does not go on: ${describeError(failure)}`
    logger.error({ ledgerId, position, fault: message }, "an erasure failed")
    await raiseAlarm(db, { kind: "redactions_failing", subject, ledgerId, message })
  }

  async function clearFinished(): Promise<void> {
    if (performance.now() - clearedAtMs < clearMs) return
    clearedAtMs = performance.now()
    await sql`
      UPDATE registry.alarms a SET cleared_at = now() WHERE a.kind = 'redactions_failing' AND a.cleared_at IS NULL AND NOT EXISTS (
        SELECT FROM ledger.redactions r WHERE r.finished_at IS NULL AND r.ledger_id || ':' || r.position = a.subject)`.execute(
      db,
    )
  }

  return startLoop({ name: "redactions", logger, gapMs, turn })
}

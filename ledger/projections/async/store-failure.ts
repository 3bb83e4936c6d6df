import { type Kysely, sql } from "kysely"
import { version as program } from "../../../platform/version.ts"
import { raiseAlarm } from "../../store/alarms.ts"
import type { Database } from "../../store/database.ts"
import { alarmSubjectOf, type BuildKey, isOf, labelOf } from "./build.ts"

/** Stores why a build cannot get past an event, and raises the alarm, unless somebody has got past it meanwhile. */
export async function storeFailure(
  db: Kysely<Database>,
  build: BuildKey,
  ledgerId: string,
  failure: { readonly position: bigint; readonly reason: string },
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const { numAffectedRows } = await sql`
      UPDATE ledger.projection_checkpoints
      SET failed_position = ${failure.position}, failure = ${failure.reason}, failed_at = now(), failed_program = ${program}
      WHERE ledger_id = ${ledgerId} AND ${isOf(build)} AND position = ${failure.position - 1n}`.execute(trx)
    if (numAffectedRows === 0n) return
    await raiseAlarm(trx, {
      kind: "projection_failed",
      subject: alarmSubjectOf(build, ledgerId),
      ledgerId,
      message: `projection ${labelOf(build)} stopped before event ${failure.position}: ${failure.reason}`,
    })
  })
}

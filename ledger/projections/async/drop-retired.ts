import { type Kysely, sql } from "kysely"
import { clearAlarm } from "../../store/alarms.ts"
import type { Database } from "../../store/database.ts"
import { alarmSubjectOf, asOwnerOfTables, isOf, readBuilds } from "./build.ts"

/**
 * Drops the tables of builds that no longer serve, each build in a transaction of its own.
 * @throws where somebody's long query still reads one: it is tried again
 */
export async function dropRetired(db: Kysely<Database>, name: string): Promise<number> {
  const retired = (await readBuilds(db, name)).filter(({ state }) => state === "retired")
  for (const build of retired) {
    await db.transaction().execute(async (trx) => {
      const { rows } = await sql`
        SELECT FROM ledger.projections WHERE ${isOf(build)} AND dropped_at IS NULL FOR NO KEY UPDATE SKIP LOCKED`.execute(
        trx,
      )
      if (rows.length === 0) return
      await sql`UPDATE ledger.projections SET dropped_at = now() WHERE ${isOf(build)}`.execute(trx)
      const { rows: ledgers } = await sql<{ ledger_id: string }>`SELECT ledger_id FROM ledger.head`.execute(
        trx,
      )
      for (const where of ["swap", ...ledgers.map(({ ledger_id }) => ledger_id)])
        await clearAlarm(trx, "projection_failed", alarmSubjectOf(build, where))
      await asOwnerOfTables(trx)
      for (const table of build.tables)
        await sql`DROP TABLE IF EXISTS analytics.${sql.ref(table)}`.execute(trx)
    })
  }
  return retired.length
}

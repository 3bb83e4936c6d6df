import { type Kysely, sql } from "kysely"

/** Alarms get an order of their own, so that a list of them has pages without a gap. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE registry.alarms ADD COLUMN alarm_sequence bigint GENERATED ALWAYS AS IDENTITY`.execute(
    db,
  )
  await sql`CREATE UNIQUE INDEX alarms_sequence ON registry.alarms (alarm_sequence)`.execute(db)
}

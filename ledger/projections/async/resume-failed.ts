import { type Kysely, sql } from "kysely"
import { projectionsChangedChannel } from "../../store/channels.ts"
import type { Database } from "../../store/database.ts"

/**
 * Has a projection that has stopped tried again at once. Its alarm stays until it gets past the event.
 * @returns in how many ledgers it had stopped
 */
export async function resumeFailed(db: Kysely<Database>, name: string): Promise<number> {
  return db.transaction().execute(async (trx) => {
    // As if another program had failed: what tries to hold back is this program's own experience.
    const { numAffectedRows } = await sql`
      UPDATE ledger.projection_checkpoints SET failed_program = 'resume' WHERE name = ${name} AND failed_position IS NOT NULL`.execute(
      trx,
    )
    await sql`SELECT pg_notify(${projectionsChangedChannel}, ${name})`.execute(trx)
    return Number(numAffectedRows ?? 0n)
  })
}

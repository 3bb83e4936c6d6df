import { archiveEvents, listPartitions } from "../../ledger/archive/archive-events.ts"
import { withDatabase } from "./open-database.ts"

/** `chainbridge archive`: moves old partitions of the event log out of the way, or lists them. */
export async function archiveCommand(options: {
  readonly dataDir: string
  readonly through?: bigint
}): Promise<void> {
  const { through } = options
  await withDatabase(options.dataDir, async (db) => {
    if (through !== undefined) {
      let partitions = 0
      await archiveEvents(db, through, ({ first_position: first, last_position: last }, moved) => {
        partitions += 1
        process.stdout.write(`archived ${moved} events of the positions ${first} to ${last}\n`)
      })
      if (partitions === 0) process.stdout.write(`no partition that ends at or before ${through} is left\n`)
      return
    }
    for (const partition of await listPartitions(db)) {
      const { first_position: first, last_position: last, archived_at: archivedAt, unfinished } = partition
      const state = archivedAt === null ? "not archived" : `archived ${archivedAt.toISOString()}`
      process.stdout.write(`${first} to ${last}: ${state}, ${unfinished} ledgers write there\n`)
    }
  })
}

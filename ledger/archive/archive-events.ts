import { type Kysely, sql } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import type { Database } from "../store/database.ts"

export type EventPartition = {
  readonly first_position: bigint
  readonly last_position: bigint
  readonly archived_at: Date | null
  /** Ledgers that have events in it which are not archived. */
  readonly ledgers: bigint
  /** Ledgers that go on to write there. */
  readonly unfinished: bigint
}

/** Rows that one archiving may copy while everybody waits: about a second's worth. */
const copiedMax = 200_000n
const lockTimeout = "5s"

/** The partitions of the event log that some ledger has reached, oldest first. */
export async function listPartitions(db: Kysely<Database>): Promise<readonly EventPartition[]> {
  const { rows } = await sql<EventPartition>`
    SELECT p.first_position, p.last_position, p.archived_at,
      (SELECT count(*) FROM ledger.head h WHERE EXISTS (
        SELECT FROM ledger.events e WHERE e.ledger_id = h.ledger_id AND e.position BETWEEN p.first_position AND p.last_position)) AS ledgers,
      (SELECT count(*) FROM ledger.head h WHERE h.position >= p.first_position AND h.position < p.last_position) AS unfinished
    FROM ledger.event_partitions p
    WHERE p.first_position <= (SELECT max(position) FROM ledger.head)
    ORDER BY p.first_position`.execute(db)
  return rows
}

/**
 * Moves the events of every partition that ends at or before `through` to the archive, each in a transaction of its own. Ledgers that still write in such a partition keep
 * their events where they are. Asked again it goes on where it ended; nothing is ever in both places or in neither.
 * @param db the owner's login
 * @returns how many events were moved, by the partition's first position
 * @throws ChainBridgeError ARCHIVE_BUSY (retryable), ARCHIVE_TOO_LARGE
 */
export async function archiveEvents(
  db: Kysely<Database>,
  through: bigint,
  onPartition: (partition: EventPartition, movedEvents: bigint) => void,
): Promise<void> {
  for (const partition of await listPartitions(db)) {
    if (partition.last_position > through || partition.ledgers === partition.unfinished) continue
    onPartition(partition, await archivePartition(db, partition))
  }
}

async function archivePartition(db: Kysely<Database>, partition: EventPartition): Promise<bigint> {
  try {
    return await db.transaction().execute(async (trx) => {
      // Everybody who appends queues up behind us for as long as we wait for the lock.
      await sql`SELECT set_config('lock_timeout', ${lockTimeout}, true)`.execute(trx)
      const { rows } = await sql<{ moved: bigint }>`
        SELECT ledger.archive_event_partition(${partition.first_position}, ${copiedMax}) AS moved`.execute(
        trx,
      )
      return rows[0]?.moved ?? 0n
    })
  } catch (error) {
    const range = `the events ${partition.first_position} to ${partition.last_position}`
    const code = (error as { code?: unknown }).code
    if (code === "55P03") {
      throw new ChainBridgeError(
        "ARCHIVE_BUSY",
        `somebody reads ${range} for longer than ${lockTimeout}; nothing was moved, try again when a verify or an export has ended`,
        { retryable: true, cause: error },
      )
    }
    if (code === "54000") {
      throw new ChainBridgeError(
        "ARCHIVE_TOO_LARGE",
        `${range} cannot be archived yet: a ledger that has not passed them holds more than ${copiedMax} of them`,
        { cause: error },
      )
    }
    throw error
  }
}

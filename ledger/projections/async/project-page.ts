import { type Kysely, sql, type Transaction } from "kysely"
import { describeError } from "../../../platform/errors.ts"
import { eventVersion } from "../../domain/events.ts"
import { clearAlarm } from "../../store/alarms.ts"
import type { Database } from "../../store/database.ts"
import { isTransient } from "../../store/is-transient.ts"
import { alarmSubjectOf, type Build, execute, isOf, tableOf } from "./build.ts"
import { eventsOf } from "./events-of.ts"
import type { EventPage, Projection } from "./projection.ts"

/**
 * `taken`: another process has it, or it is no longer to be filled. `failed`: nothing was written; the event at `position` cannot be taken, or only a smaller page can say
 * which one it is.
 */
export type PageResult =
  | { readonly outcome: "taken" }
  | { readonly outcome: "projected"; readonly events: bigint; readonly isBehind: boolean }
  | {
      readonly outcome: "failed"
      readonly events: bigint
      readonly position: bigint
      readonly reason: string
    }

/** An error of `evolve`, as opposed to one of what surrounds it. */
class EvolveError extends Error {
  readonly page: EventPage

  constructor(page: EventPage, cause: unknown) {
    super("evolve failed", { cause })
    this.page = page
  }
}

/**
 * Takes the next events of one ledger into the tables of a build: rows and checkpoint in one transaction. Whoever holds the checkpoint's row does it; nobody waits for him.
 * @param limit events at most
 * @throws what may go away by itself: a connection that is lost, a disk that is full
 */
export async function projectPage(
  db: Kysely<Database>,
  build: Build,
  ledgerId: string,
  limit: bigint,
): Promise<PageResult> {
  try {
    return await db.transaction().execute(async (trx) => {
      // What a crash takes from an unflushed commit it takes whole, checkpoint and rows: the page is made again. The writers keep the disk for themselves.
      await sql`SELECT set_config('synchronous_commit', 'off', true), set_config('jit', 'off', true), set_config('work_mem', '64MB', true)`.execute(
        trx,
      )
      const checkpoint = await lockCheckpoint(trx, build, ledgerId)
      if (checkpoint === undefined) return { outcome: "taken" }
      return projectFrom(trx, build, ledgerId, checkpoint, limit)
    })
  } catch (error) {
    if (!(error instanceof EvolveError) || isTransient(error.cause)) throw error
    const { after, upTo } = error.page
    return {
      outcome: "failed",
      events: upTo - after,
      position: after + 1n,
      reason: describeError(error.cause),
    }
  }
}

/** A checkpoint whose row is locked, and the head of its ledger. */
export type Checkpoint = {
  readonly position: bigint
  readonly head: bigint
  readonly failed_position: bigint | null
}

async function lockCheckpoint(
  trx: Transaction<Database>,
  build: Build,
  ledgerId: string,
): Promise<Checkpoint | undefined> {
  const { rows } = await sql<Checkpoint>`
    SELECT c.position, c.failed_position, h.position AS head
    FROM ledger.projection_checkpoints c JOIN ledger.head h ON h.ledger_id = c.ledger_id
    WHERE c.ledger_id = ${ledgerId} AND ${isOf(build)}
    FOR UPDATE OF c SKIP LOCKED`.execute(trx)
  return rows[0]
}

/** Takes events after a checkpoint whose row is locked. */
export async function projectFrom(
  trx: Transaction<Database>,
  build: Build,
  ledgerId: string,
  checkpoint: Checkpoint,
  limit: bigint,
): Promise<PageResult> {
  const after = checkpoint.position
  const wanted = checkpoint.head - after < limit ? checkpoint.head : after + limit
  if (wanted <= after) return { outcome: "projected", events: 0n, isBehind: false }
  const obstacle = await findObstacle(trx, build.projection, { ledgerId, after, upTo: wanted })
  // Events before it are taken first, so that the checkpoint stands right before what stops it.
  const upTo = obstacle === null ? wanted : obstacle.position - 1n
  if (obstacle !== null && upTo === after) return { outcome: "failed", events: 1n, ...obstacle }
  const page = { ledgerId, after, upTo }
  try {
    await execute(trx, build.projection.evolve(page, tableOf(build)))
  } catch (error) {
    throw new EvolveError(page, error)
  }
  await sql`
    UPDATE ledger.projection_checkpoints SET position = ${upTo}, moved_at = now(),
      failed_position = NULL, failure = NULL, failed_at = NULL, failed_program = NULL
    WHERE ledger_id = ${ledgerId} AND ${isOf(build)}`.execute(trx)
  if (checkpoint.failed_position !== null)
    await clearAlarm(trx, "projection_failed", alarmSubjectOf(build, ledgerId))
  return { outcome: "projected", events: upTo - after, isBehind: upTo < checkpoint.head }
}

/** The first event of a page that is not there, or that the projection does not know. */
async function findObstacle(
  trx: Transaction<Database>,
  projection: Projection,
  page: EventPage,
): Promise<{ readonly position: bigint; readonly reason: string } | null> {
  const known = knownEvents(projection)
  const { rows } = await sql<{ events: bigint; unknown_position: bigint | null }>`
    SELECT count(*) AS events, min(e.position) FILTER (
      WHERE (e.type, e.version) NOT IN (SELECT * FROM unnest(${known.types}::text[], ${known.versions}::smallint[]))
    ) AS unknown_position FROM ${eventsOf(page)}`.execute(trx)
  const { events, unknown_position: unknownPosition } = rows[0] ?? { events: 0n, unknown_position: null }
  const missing = events === page.upTo - page.after ? null : await findMissing(trx, page)
  if (missing !== null && (unknownPosition === null || missing < unknownPosition))
    return { position: missing, reason: `event ${missing} is missing in the log` }
  if (unknownPosition === null) return null
  const { rows: found } = await sql<{ type: string; version: number }>`
    SELECT type, version FROM ledger.event_log WHERE ledger_id = ${page.ledgerId} AND position = ${unknownPosition}`.execute(
    trx,
  )
  return {
    position: unknownPosition,
    reason: `event ${unknownPosition} is a ${found[0]?.type} of version ${found[0]?.version}, which this program does not know`,
  }
}

async function findMissing(trx: Transaction<Database>, page: EventPage): Promise<bigint> {
  const { rows } = await sql<{ position: bigint }>`
    SELECT ${page.after} + n AS position
    FROM (SELECT e.position, row_number() OVER (ORDER BY e.position) AS n FROM ${eventsOf(page)}) AS numbered
    WHERE position <> ${page.after} + n ORDER BY n LIMIT 1`.execute(trx)
  if (rows[0] !== undefined) return rows[0].position
  const { rows: last } = await sql<{ position: bigint }>`
    SELECT coalesce(max(e.position), ${page.after}) + 1 AS position FROM ${eventsOf(page)}`.execute(trx)
  return last[0]?.position ?? page.upTo
}

function knownEvents({ handles }: Projection): {
  readonly types: readonly string[]
  readonly versions: readonly number[]
} {
  const written = Array.from({ length: eventVersion }, (_, index) => index + 1)
  const known = Object.entries(handles).flatMap(([type, versions]) =>
    (versions === "ignored" ? written : versions).map((version) => ({ type, version })),
  )
  return { types: known.map(({ type }) => type), versions: known.map(({ version }) => version) }
}

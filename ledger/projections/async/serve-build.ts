import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../../store/database.ts"
import {
  asOwnerOfTables,
  type Build,
  type BuildKey,
  type BuildRow,
  execute,
  isOf,
  readBuilds,
  tableOf,
} from "./build.ts"
import { type Checkpoint, projectFrom } from "./project-page.ts"

/** So many events may still be missing when the swap begins: it takes them itself, while nobody else moves. */
const missingMax = 20_000n

/**
 * Makes what readers need, once: for as long as it takes nobody reads these tables or writes them.
 * @param onBegun gets the server process that works on it, so that a stop can cancel it
 * @returns false where another process does it
 */
export function indexBuild(
  db: Kysely<Database>,
  build: Build,
  onBegun: (pid: number) => void,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ pid: number; indexed_at: Date | null }>`
      SELECT pg_backend_pid() AS pid, indexed_at FROM ledger.projections
      WHERE ${isOf(build)} AND state = 'building' FOR NO KEY UPDATE SKIP LOCKED`.execute(trx)
    const [row] = rows
    if (row === undefined) return false
    if (row.indexed_at !== null) return true
    onBegun(row.pid)
    await sql`UPDATE ledger.projections SET indexed_at = now() WHERE ${isOf(build)}`.execute(trx)
    await asOwnerOfTables(trx)
    await execute(trx, build.projection.index(tableOf(build)))
    return true
  })
}

/** Whether an event of some ledger could not be taken into a build: then it does not serve, and the alarm about that event says why. */
export async function hasFailed(
  db: Kysely<Database> | Transaction<Database>,
  build: BuildKey,
): Promise<boolean> {
  const { rows } = await sql`
    SELECT FROM ledger.projection_checkpoints WHERE ${isOf(build)} AND failed_position IS NOT NULL LIMIT 1`.execute(
    db,
  )
  return rows.length > 0
}

/**
 * Puts a build in the place of the one that serves: both stand still, the new one takes what it still lacks in every ledger, and the views change over, in one transaction.
 * What readers see never goes back.
 * @returns false where it is not that far, has failed, or another process is faster
 */
export function serveBuild(db: Kysely<Database>, build: Build): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const builds = await holdStill(trx, build)
    if (builds === null || !(await levelUp(trx, build))) return false
    await asOwnerOfTables(trx)
    await execute(trx, build.projection.views(tableOf(build)))
    await sql`RESET ROLE`.execute(trx)
    for (const former of builds.filter(({ state }) => state === "serving")) {
      await sql`DELETE FROM ledger.projection_checkpoints WHERE ${isOf(former)}`.execute(trx)
      await sql`UPDATE ledger.projections SET state = 'retired', retired_at = now() WHERE ${isOf(former)}`.execute(
        trx,
      )
    }
    await sql`UPDATE ledger.projections SET state = 'serving', served_at = now() WHERE ${isOf(build)}`.execute(
      trx,
    )
    return true
  })
}

/**
 * Locks every build of the projection in every ledger. Nothing waits for anything else while it holds such a row, so nobody can wait for somebody who waits for him.
 * @returns null where the build is not one that waits to serve, with all its indexes
 */
export async function holdStill(
  trx: Transaction<Database>,
  build: Build,
): Promise<readonly BuildRow[] | null> {
  await sql`SET LOCAL lock_timeout = '5s'`.execute(trx)
  const { rows } = await sql`
    SELECT FROM ledger.projections WHERE ${isOf(build)} AND state = 'building' AND indexed_at IS NOT NULL
    FOR NO KEY UPDATE SKIP LOCKED`.execute(trx)
  if (rows.length === 0) return null
  await sql`
    SELECT FROM ledger.projection_checkpoints WHERE name = ${build.name}
    ORDER BY ledger_id, version, build FOR UPDATE`.execute(trx)
  return readBuilds(trx, build.name)
}

/**
 * Takes the last events of every ledger into a build that is held still.
 * @returns false where they are too many, or one cannot be taken
 */
async function levelUp(trx: Transaction<Database>, build: Build): Promise<boolean> {
  // Under the lock: somebody else may have met the event since this one looked.
  if (await hasFailed(trx, build)) return false
  const { rows } = await sql<Checkpoint & { readonly ledger_id: string; readonly is_new: boolean }>`
    SELECT h.ledger_id, coalesce(c.position, 0) AS position, h.position AS head, c.failed_position, c.ledger_id IS NULL AS is_new
    FROM ledger.head h
    LEFT JOIN (SELECT * FROM ledger.projection_checkpoints WHERE ${isOf(build)}) AS c ON c.ledger_id = h.ledger_id
    WHERE h.position > coalesce(c.position, 0) ORDER BY h.ledger_id`.execute(trx)
  const missing = rows.reduce((sum, row) => sum + row.head - row.position, 0n)
  // A ledger without a checkpoint is met by the next turn.
  if (missing > missingMax || rows.some(({ is_new }) => is_new)) return false
  for (const checkpoint of rows) {
    const result = await projectFrom(trx, build, checkpoint.ledger_id, checkpoint, missingMax)
    if (result.outcome !== "projected" || result.isBehind) return false
  }
  return true
}

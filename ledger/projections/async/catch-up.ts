import { type Kysely, sql } from "kysely"
import type { Logger } from "../../../platform/logger.ts"
import { version as program } from "../../../platform/version.ts"
import type { Database } from "../../store/database.ts"
import { type Build, type BuildKey, isOf, labelOf } from "./build.ts"
import { projectPage } from "./project-page.ts"
import { storeFailure } from "./store-failure.ts"

/** How long a page should take: its lock and its snapshot are held for so long. */
const pageMsAimed = 400
const pageEventsMin = 500
const pageEventsMax = 100_000
/** Enough to name one event in the largest page; an error that cannot be pinned down is met again. */
const searchesMax = 40
/** What has failed is tried again so often, in case that its cause is gone. A program of another version tries at once. */
const retryMs = 60_000

/** Fills builds page by page. What it has learnt about them lasts as long as the process. */
export type Filler = {
  /**
   * Takes events of every ledger until there are none.
   * @param mayGoOn is asked before each page
   * @returns whether there are more
   */
  fill(build: Build, mayGoOn: () => boolean): Promise<boolean>
}

export function createFiller(db: Kysely<Database>, logger: Logger): Filler {
  let pageEvents = 5_000
  const triedHere = new Set<string>()

  /** A page; or, where it fails, smaller ones until the event that cannot be taken stands alone. */
  async function fillOnce(build: Build, ledgerId: string): Promise<boolean> {
    let limit = pageEvents
    for (let searches = 0; ; searches += 1) {
      const began = performance.now()
      const result = await projectPage(db, build, ledgerId, BigInt(limit))
      if (result.outcome === "taken") return false
      if (result.outcome === "projected" && (searches === 0 || !result.isBehind || searches > searchesMax)) {
        if (searches === 0) adapt(Number(result.events), performance.now() - began)
        return result.isBehind
      }
      if (result.outcome === "failed" && result.events === 1n) {
        const { position, reason } = result
        logger.error(
          { projection: labelOf(build), ledger_id: ledgerId, position, reason },
          "a projection stopped",
        )
        await storeFailure(db, build, ledgerId, result)
        return false
      }
      // Whether this page failed or the one before it did: the event is among as many as this one had.
      limit = Math.max(1, Math.ceil(Math.min(limit, Number(result.events)) / 2))
    }
  }

  function adapt(events: number, ms: number): void {
    if (events < pageEvents && ms < pageMsAimed) return
    const wanted = (events * pageMsAimed) / Math.max(ms, 1)
    const next = Math.min(Math.max(wanted, pageEvents / 2), pageEvents * 2)
    pageEvents = Math.round(Math.min(Math.max(next, pageEventsMin), pageEventsMax))
  }

  return {
    async fill(build, mayGoOn) {
      let isBehind = false
      for (const ledger of await readBehind(db, build)) {
        const key = `${labelOf(build)} ${ledger.ledger_id}`
        const isStuck = ledger.failed_program === program && ledger.failed_ms < retryMs && triedHere.has(key)
        if (isStuck) continue
        triedHere.add(key)
        let isMore = true
        while (isMore && mayGoOn()) isMore = await fillOnce(build, ledger.ledger_id)
        isBehind ||= isMore
      }
      return isBehind
    },
  }
}

type Behind = {
  readonly ledger_id: string
  readonly failed_program: string | null
  readonly failed_ms: number
}

/** Ledgers with events that a build has not taken. A ledger that it meets for the first time gets its checkpoint. */
async function readBehind(db: Kysely<Database>, build: Build): Promise<readonly Behind[]> {
  const { rows } = await sql<Behind & { readonly is_new: boolean }>`
    SELECT h.ledger_id, c.failed_program, coalesce(extract(epoch FROM now() - c.failed_at) * 1000, 0)::float8 AS failed_ms,
      c.ledger_id IS NULL AS is_new
    FROM ledger.head h
    LEFT JOIN (SELECT * FROM ledger.projection_checkpoints WHERE ${isOf(build)}) AS c ON c.ledger_id = h.ledger_id
    WHERE h.position > coalesce(c.position, 0) ORDER BY h.ledger_id`.execute(db)
  const fresh = rows.filter(({ is_new }) => is_new)
  if (fresh.length > 0) {
    await insertCheckpoints(
      db,
      build,
      fresh.map(({ ledger_id }) => ledger_id),
    )
  }
  return rows
}

/** FOR SHARE: a build that is being retired at this moment gets none. */
async function insertCheckpoints(
  db: Kysely<Database>,
  build: BuildKey,
  ledgerIds: readonly string[],
): Promise<void> {
  await sql`
    WITH live AS (SELECT name, version, build FROM ledger.projections WHERE ${isOf(build)} AND state <> 'retired' FOR SHARE)
    INSERT INTO ledger.projection_checkpoints (ledger_id, name, version, build)
    SELECT l.ledger_id, b.name, b.version, b.build FROM live b CROSS JOIN unnest(${ledgerIds}::uuid[]) AS l(ledger_id)
    ON CONFLICT DO NOTHING`.execute(db)
}

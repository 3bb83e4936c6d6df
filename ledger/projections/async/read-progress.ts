import { type Kysely, sql } from "kysely"
import type { Database } from "../../store/database.ts"
import type { BuildKey } from "./build.ts"

/** One build in one ledger. */
export type LedgerProgress = {
  readonly ledgerId: string
  readonly position: bigint
  readonly head: bigint
  /** For how long the first event that it lacks has been waiting; 0 where there is none. */
  readonly lagMs: number
  readonly failure: { readonly position: bigint; readonly reason: string; readonly at: Date } | null
}

export type BuildProgress = BuildKey & {
  readonly state: "building" | "serving"
  readonly ledgers: readonly LedgerProgress[]
}

type Row = BuildKey & {
  readonly state: "building" | "serving"
  readonly ledger_id: string | null
  readonly position: bigint
  readonly head: bigint
  readonly lag_ms: number
  readonly failed_position: bigint | null
  readonly failure: string | null
  readonly failed_at: Date
}

/** How far every build is that serves or is to serve. @param ledgerId only there; without it in every ledger */
export async function readProgress(
  db: Kysely<Database>,
  ledgerId?: string,
): Promise<readonly BuildProgress[]> {
  const { rows } = await sql<Row>`
    SELECT p.name, p.version, p.build, p.state, h.ledger_id, coalesce(c.position, 0) AS position, coalesce(h.position, 0) AS head,
      coalesce(greatest(extract(epoch FROM now() - e.recorded_at), 0) * 1000, 0)::float8 AS lag_ms, c.failed_position, c.failure, c.failed_at
    FROM ledger.projections p
    LEFT JOIN ledger.head h ON ${ledgerId === undefined ? sql`true` : sql`h.ledger_id = ${ledgerId}`}
    LEFT JOIN ledger.projection_checkpoints c
      ON c.ledger_id = h.ledger_id AND c.name = p.name AND c.version = p.version AND c.build = p.build
    LEFT JOIN LATERAL (
      SELECT recorded_at FROM ledger.event_log WHERE ledger_id = h.ledger_id AND position = coalesce(c.position, 0) + 1
    ) AS e ON true
    WHERE p.state <> 'retired'
    ORDER BY p.name, p.version, p.build, h.ledger_id`.execute(db)
  const builds = Map.groupBy(rows, ({ name, version, build }) => `${name} ${version} ${build}`)
  return [...builds.values()].flatMap((ledgers) => {
    const [first] = ledgers
    if (first === undefined) return []
    const { name, version, build, state } = first
    return [{ name, version, build, state, ledgers: ledgers.flatMap(toLedger) }]
  })
}

function toLedger(row: Row): LedgerProgress[] {
  if (row.ledger_id === null) return []
  const { failed_position: position, failure: reason } = row
  return [
    {
      ledgerId: row.ledger_id,
      position: row.position,
      head: row.head,
      lagMs: row.lag_ms,
      failure: position === null || reason === null ? null : { position, reason, at: row.failed_at },
    },
  ]
}

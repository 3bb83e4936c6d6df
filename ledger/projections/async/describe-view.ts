import { sql } from "kysely"
import type { Sql } from "./projection.ts"

/** Comments that a SQL client shows for a view of schema `analytics` and for its columns. */
export function describeView(view: string, what: string, columns: Readonly<Record<string, string>>): Sql[] {
  return [
    sql`COMMENT ON VIEW analytics.${sql.ref(view)} IS ${sql.lit(what)}`,
    ...Object.entries(columns).map(
      ([column, meaning]) =>
        sql`COMMENT ON COLUMN analytics.${sql.ref(view)}.${sql.ref(column)} IS ${sql.lit(meaning)}`,
    ),
  ]
}

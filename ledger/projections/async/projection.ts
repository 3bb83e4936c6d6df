import type { RawBuilder } from "kysely"
import type { findDifference } from "../../audit/find-difference.ts"
import type { EventType } from "../../domain/events.ts"

export type Sql = RawBuilder<unknown>

/** Events of one ledger: those after `after`, up to and including `upTo`. */
export type EventPage = { readonly ledgerId: string; readonly after: bigint; readonly upTo: bigint }

/** The table of that name which belongs to one build. */
export type TableOf = (name: string) => Sql

/** What the log gives, and what a table holds of it. */
export type Comparison = Parameters<typeof findDifference>[1]

/**
 * A read model that follows the log on its own time. Everything it does is said in statements on its own tables, so that a rebuild beside the tables that serve
 * has no effect that anybody could notice: there is nothing else that it could send, write or call.
 */
export type Projection = {
  readonly name: string
  /** Counts up when the same events give other rows or other columns. */
  readonly version: number
  /** Of each type the versions that `evolve` understands, or that it takes no notice of it. A page with any other event is not begun. */
  readonly handles: { readonly [Type in EventType]: readonly number[] | "ignored" }
  /** Without the ending of the build. */
  readonly tables: readonly string[]
  /** Makes the tables with what `evolve` needs. */
  init(table: TableOf): readonly Sql[]
  /** Makes what only readers need, once the log has been read: filling goes faster without. */
  index(table: TableOf): readonly Sql[]
  /** Takes a page of events into the tables with a fixed number of statements. */
  evolve(page: EventPage, table: TableOf): readonly Sql[]
  /** Puts stable views with documented columns over the tables, in place of those of another build. */
  views(table: TableOf): readonly Sql[]
  /** The tables at `upTo` beside what the log gives in one piece. The page begins with the first event. */
  comparisons(page: EventPage, table: TableOf): readonly Comparison[]
}

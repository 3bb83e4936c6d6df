import { sql, type Transaction } from "kysely"
import type { EventType } from "../domain/events.ts"
import type { Database } from "../store/database.ts"
import { findDifference, type Problem } from "./find-difference.ts"

/** Every AdjustmentReversed, and every change that a SettlementDiscarded names, has its row in `ledger.reversals`, which keeps it from happening twice. Whether it is the opposite of what it takes back, the replay has seen. */
export async function verifyReversals(
  trx: Transaction<Database>,
  ledgerId: string,
  counts: ReadonlyMap<EventType, number>,
): Promise<Problem | null> {
  const { rows } = await sql<{ stored: bigint }>`
    SELECT count(*) AS stored FROM ledger.reversals WHERE ledger_id = ${ledgerId}`.execute(trx)
  // The log is searched only where their number is not the log's.
  const isDiscarding = (counts.get("SettlementDiscarded") ?? 0) > 0
  const source =
    !isDiscarding && rows[0]?.stored === BigInt(counts.get("AdjustmentReversed") ?? 0)
      ? sql`ledger.reversals r JOIN ledger.event_log e ON e.ledger_id = r.ledger_id AND e.position = r.position`
      : sql`ledger.event_log e`
  return findDifference(trx, {
    table: "ledger.reversals",
    keys: ["reversed_position"],
    position: "position",
    logged: sql`
      SELECT (e.data->>'reversed_position')::bigint AS reversed_position, e.position FROM ${source}
      WHERE e.ledger_id = ${ledgerId} AND e.type = 'AdjustmentReversed'
      UNION ALL
      SELECT d.at::bigint, e.position FROM ledger.event_log e CROSS JOIN LATERAL json_array_elements_text(e.data->'positions') AS d(at)
      WHERE ${isDiscarding} AND e.ledger_id = ${ledgerId} AND e.type = 'SettlementDiscarded'`,
    stored: sql`SELECT reversed_position, position FROM ledger.reversals WHERE ledger_id = ${ledgerId}`,
  })
}

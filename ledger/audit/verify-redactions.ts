import { sql, type Transaction } from "kysely"
import type { EventType } from "../domain/events.ts"
import type { Database } from "../store/database.ts"
import { findDifference, type Problem } from "./find-difference.ts"

/** The erasures of users are in `ledger.redactions` as the log has them, and of one that is finished nothing is left. */
export async function verifyRedactions(
  trx: Transaction<Database>,
  ledgerId: string,
  counts: ReadonlyMap<EventType, number>,
): Promise<Problem | null> {
  const { rows } = await sql<{ stored: bigint }>`
    SELECT count(*) AS stored FROM ledger.redactions WHERE ledger_id = ${ledgerId}`.execute(trx)
  if (rows[0]?.stored === 0n && !counts.has("DetailsRedacted")) return null
  return (await compareSteps(trx, ledgerId)) ?? (await findLeftover(trx, ledgerId))
}

function compareSteps(trx: Transaction<Database>, ledgerId: string): Promise<Problem | null> {
  return findDifference(trx, {
    table: "ledger.redactions",
    keys: ["position"],
    position: "position",
    // The first event of an erasure names the others' cause.
    logged: sql`
      SELECT CASE WHEN causation LIKE 'redaction:%' THEN substr(causation, 11)::bigint ELSE position END AS position,
        min(data->>'user_id') AS user_id, sum(json_array_length(data->'positions'))::bigint AS redacted, count(*)::integer AS steps
      FROM ledger.event_log
      WHERE ledger_id = ${ledgerId} AND type = 'DetailsRedacted' AND data->>'user_id' IS NOT NULL GROUP BY 1`,
    stored: sql`
      SELECT position, user_id, redacted, steps FROM ledger.redactions WHERE ledger_id = ${ledgerId}`,
  })
}

async function findLeftover(trx: Transaction<Database>, ledgerId: string): Promise<Problem | null> {
  const { rows } = await sql<{ position: bigint; user_id: string; upto: bigint }>`
    SELECT e.position, r.user_id, r.upto
    FROM (
      SELECT user_id, max(CASE WHEN finished_at IS NULL THEN cursor + 1 ELSE position END) AS upto
      FROM ledger.redactions WHERE ledger_id = ${ledgerId} GROUP BY user_id
    ) AS r
    JOIN ledger.accounts a ON a.ledger_id = ${ledgerId} AND a.user_id = r.user_id
    CROSS JOIN LATERAL (
      SELECT position FROM ledger.event_log
      WHERE ledger_id = a.ledger_id AND account_id = a.account_id AND position < r.upto AND details IS NOT NULL
      ORDER BY position LIMIT 1
    ) AS e
    ORDER BY e.position LIMIT 1`.execute(trx)
  const [row] = rows
  if (row === undefined) return null
  return {
    position: row.position,
    problem: `ledger.redactions says that no event of user ${row.user_id} before position ${row.upto} has details, and this one has`,
  }
}

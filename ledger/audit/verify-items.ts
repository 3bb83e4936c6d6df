import { sql, type Transaction } from "kysely"
import { changeTypes } from "../domain/events.ts"
import type { Replay } from "../domain/replay.ts"
import type { Database } from "../store/database.ts"
import { findDifference, type Problem } from "./find-difference.ts"

/**
 * Every change up to the intake is in `settlement.batch_items` as the log has it: account, token, amount, and where it is by the last event that sealed or netted it. Asks
 * `settlement.batch_accounts` what became of an account in its batch, so verify that first.
 */
export async function verifyItems(
  trx: Transaction<Database>,
  ledgerId: string,
  replay: Replay,
): Promise<Problem | null> {
  return (await compareItems(trx, ledgerId)) ?? (await compareUnsettled(trx, ledgerId, replay))
}

function compareItems(trx: Transaction<Database>, ledgerId: string): Promise<Problem | null> {
  return findDifference(trx, {
    table: "settlement.batch_items",
    keys: ["position"],
    position: "position",
    // A change that was sealed has been taken in, whatever the intake says: taken in again, it would be settled twice.
    logged: sql`
      SELECT e.position, e.account_id, a.token_id, e.amount, e.recorded_at,
        (array_position(ARRAY['low', 'normal', 'high', 'urgent'], e.data->>'priority') - 1)::smallint AS priority,
        CASE WHEN l.position IS NULL THEN 'waiting' WHEN l.batch_sequence IS NULL THEN 'netted'
          WHEN b.state = 'settled' THEN 'settled' WHEN b.state = 'deferred' THEN 'waiting' ELSE 'sealed' END AS state,
        CASE WHEN b.state <> 'deferred' THEN l.batch_sequence END AS batch_sequence
      FROM ledger.event_log e
      LEFT JOIN ledger.accounts a ON a.ledger_id = e.ledger_id AND a.account_id = e.account_id
      LEFT JOIN (
        SELECT DISTINCT ON (p.position) p.position::bigint AS position, s.batch_sequence
        FROM (
          SELECT position AS at, (data->>'batch_sequence')::bigint AS batch_sequence, data->'accounts' AS accounts
          FROM ledger.event_log WHERE ledger_id = ${ledgerId} AND type IN ('SettlementSealed', 'SettlementNetted')
        ) AS s
        CROSS JOIN LATERAL json_array_elements(s.accounts) AS x(account)
        CROSS JOIN LATERAL json_array_elements_text(x.account->'positions') AS p(position)
        ORDER BY p.position, s.at DESC
      ) AS l ON l.position = e.position
      LEFT JOIN settlement.batch_accounts b
        ON b.ledger_id = e.ledger_id AND b.batch_sequence = l.batch_sequence AND b.account_id = e.account_id
      WHERE e.ledger_id = ${ledgerId} AND e.type = ANY(${[...changeTypes]}) AND (l.position IS NOT NULL
        OR e.position <= coalesce((SELECT position FROM settlement.intake WHERE ledger_id = ${ledgerId}), 0))`,
    stored: sql`
      SELECT position, account_id, token_id, amount, recorded_at, priority, state, batch_sequence
      FROM settlement.batch_items WHERE ledger_id = ${ledgerId}`,
  })
}

/** The same from the other side: what the tables hold as unsettled of an account is what the replay holds. */
async function compareUnsettled(
  trx: Transaction<Database>,
  ledgerId: string,
  replay: Replay,
): Promise<Problem | null> {
  const { rows: intakes } = await sql<{ position: bigint; head: bigint }>`
    SELECT h.position AS head, coalesce(i.position, 0) AS position
    FROM ledger.head h LEFT JOIN settlement.intake i USING (ledger_id) WHERE h.ledger_id = ${ledgerId}`.execute(
    trx,
  )
  const { position: intake = 0n, head = 0n } = intakes[0] ?? {}
  if (intake > head) {
    return {
      position: null,
      problem: `settlement.intake says that it has read up to ${intake}, the log ends at ${head}`,
    }
  }
  const { rows } = await sql<{ account_id: bigint; unsettled: bigint }>`
    SELECT account_id, sum(amount) AS unsettled FROM (
      SELECT account_id, amount FROM settlement.batch_items
      WHERE ledger_id = ${ledgerId} AND state IN ('waiting', 'sealed')
      UNION ALL
      SELECT account_id, amount FROM ledger.event_log
      WHERE ledger_id = ${ledgerId} AND position > ${intake} AND type = ANY(${[...changeTypes]})
    ) AS changes GROUP BY account_id`.execute(trx)
  const found = new Map(rows.map((row) => [row.account_id, row.unsettled]))
  for (const [accountId, account] of replay.accounts) {
    const unsettled = found.get(accountId) ?? 0n
    if (unsettled !== account.unsettled) {
      return {
        position: account.position,
        problem: `account ${accountId}: settlement holds ${unsettled} unsettled, the log says ${account.unsettled}`,
      }
    }
  }
  return null
}

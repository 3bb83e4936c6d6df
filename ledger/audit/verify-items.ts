import { sql, type Transaction } from "kysely"
import { changeTypes } from "../domain/events.ts"
import { readBatch } from "../domain/replay-batches.ts"
import type { Database } from "../store/database.ts"
import { findDifference, type Problem } from "./find-difference.ts"
import type { FoldedLog } from "./fold-log.ts"
import type { itemStates } from "./scan/segment.ts"

type ItemState = (typeof itemStates)[number]

/**
 * Every change up to the intake is in `settlement.batch_items` as the log has it: account, token, amount, and where it is by the last event that sealed or netted it. What the table says of
 * an event was read with it; here it is compared with what the replay made of the change. So what the table holds as unsettled of an account is what the replay holds, change by change.
 * Asks `settlement.batch_accounts` what became of an account in its batch, so verify that first.
 */
export async function verifyItems(
  trx: Transaction<Database>,
  ledgerId: string,
  log: FoldedLog,
): Promise<Problem | null> {
  const { rows } = await sql<{
    intake: bigint
    head: bigint
    other_token: bigint | null
    beyond: bigint | null
    newest: bigint | null
  }>`
    SELECT h.position AS head, coalesce(n.position, 0) AS intake,
      (SELECT max(position) FROM settlement.batch_items WHERE ledger_id = ${ledgerId}) AS newest,
      (SELECT min(i.position) FROM settlement.batch_items i JOIN ledger.accounts a USING (ledger_id, account_id)
       WHERE i.ledger_id = ${ledgerId} AND i.token_id <> a.token_id) AS other_token,
      coalesce(
        (SELECT min(position) FROM settlement.batch_items WHERE ledger_id = ${ledgerId} AND position < 1),
        (SELECT min(position) FROM settlement.batch_items WHERE ledger_id = ${ledgerId} AND position > ${log.end})) AS beyond
    FROM ledger.head h LEFT JOIN settlement.intake n USING (ledger_id) WHERE h.ledger_id = ${ledgerId}`.execute(
    trx,
  )
  const {
    intake = 0n,
    head = 0n,
    other_token: otherToken = null,
    beyond = null,
    newest = null,
  } = rows[0] ?? {}
  const [position] = [firstDifference(log, Number(intake)), otherToken, beyond]
    .filter((at) => at !== null)
    .sort((one, other) => (one < other ? -1 : 1))
  if (position !== undefined) {
    const problem = "settlement.batch_items is not what the log gives"
    return (await findItem(trx, ledgerId, position)) ?? { position, problem }
  }
  if (newest !== null && newest > intake)
    return {
      position: null,
      problem: `settlement.intake says that it has read up to ${intake}, settlement.batch_items has a change of position ${newest}`,
    }
  if (intake <= head) return null
  return {
    position: null,
    problem: `settlement.intake says that it has read up to ${intake}, the log ends at ${head}`,
  }
}

/** The first event of which the table does not say what the replay does. */
function firstDifference(log: FoldedLog, intake: number): bigint | null {
  const { changes, batches } = log.replay
  let first = Number.POSITIVE_INFINITY
  const expect = (position: number, state: ItemState, batch: number) => {
    const said = log.items.at(position)
    if (said.state !== state || said.batch !== batch) first = Math.min(first, position)
  }
  for (const sequence of batches.keys()) {
    for (const { state, positions } of readBatch(batches, sequence)?.accounts.values() ?? []) {
      for (const at of positions) {
        if (changes.ownerOf(at) === Number(sequence))
          expect(at, state === "settled" ? "settled" : "sealed", Number(sequence))
      }
    }
  }
  for (let position = 1; position <= log.end && position < first; position += 1) {
    const owner = changes.ownerOf(position)
    if (owner === undefined) expect(position, "none", 0)
    // A change that was sealed has been taken in, whatever the intake says: taken in again, it would be settled twice.
    else if (owner === "waiting") expect(position, position <= intake ? "waiting" : "none", 0)
    else if (owner === "netted" || owner === "discarded") expect(position, owner, 0)
  }
  return first === Number.POSITIVE_INFINITY ? null : BigInt(first)
}

/** The same in the database, of one event: names what differs. */
function findItem(trx: Transaction<Database>, ledgerId: string, position: bigint): Promise<Problem | null> {
  return findDifference(trx, {
    table: "settlement.batch_items",
    keys: ["position"],
    position: "position",
    // A change that was sealed has been taken in, whatever the intake says: taken in again, it would be settled twice.
    logged: sql`
      SELECT e.position, e.account_id, a.token_id, e.amount, e.recorded_at,
        (array_position(ARRAY['low', 'normal', 'high', 'urgent'], e.data->>'priority') - 1)::smallint AS priority,
        CASE WHEN r.type IS NOT NULL THEN 'discarded' WHEN l.position IS NULL THEN 'waiting' WHEN l.batch_sequence IS NULL THEN 'netted'
          WHEN b.state = 'settled' THEN 'settled' WHEN b.state = 'deferred' THEN 'waiting' ELSE 'sealed' END AS state,
        CASE WHEN r.type IS NULL AND b.state <> 'deferred' THEN l.batch_sequence END AS batch_sequence
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
      LEFT JOIN (
        SELECT v.ledger_id, v.reversed_position, d.type FROM ledger.reversals v
        JOIN ledger.event_log d ON d.ledger_id = v.ledger_id AND d.position = v.position AND d.type = 'SettlementDiscarded'
      ) AS r ON r.ledger_id = e.ledger_id AND r.reversed_position = e.position
      WHERE e.ledger_id = ${ledgerId} AND e.position = ${position} AND e.type = ANY(${[...changeTypes]}) AND (l.position IS NOT NULL
        OR e.position <= coalesce((SELECT position FROM settlement.intake WHERE ledger_id = ${ledgerId}), 0))`,
    stored: sql`
      SELECT position, account_id, token_id, amount, recorded_at, priority, state, batch_sequence
      FROM settlement.batch_items WHERE ledger_id = ${ledgerId} AND position = ${position}`,
  })
}

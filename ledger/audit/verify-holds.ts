import { type RawBuilder, sql, type Transaction } from "kysely"
import type { EventType } from "../domain/events.ts"
import type { Database } from "../store/database.ts"
import { findDifference, type Problem } from "./find-difference.ts"

const ends = sql`('HoldCaptured', 'HoldReleased', 'HoldExpired')`

/**
 * Every HoldPlaced has its row in `ledger.holds`, as it was placed and as the log has ended it. Each row is looked up in the log; the log is searched for holds only where their
 * number, in all or by how they ended, is not the log's.
 */
export async function verifyHolds(
  trx: Transaction<Database>,
  ledgerId: string,
  counts: ReadonlyMap<EventType, number>,
): Promise<Problem | null> {
  const of = (type: EventType): bigint => BigInt(counts.get(type) ?? 0)
  const { rows } = await sql<{ placed: bigint; captured: bigint; released: bigint; expired: bigint }>`
    SELECT count(DISTINCT position) AS placed, count(DISTINCT position) FILTER (WHERE state = 'captured') AS captured,
      count(DISTINCT position) FILTER (WHERE state = 'released') AS released, count(DISTINCT position) FILTER (WHERE state = 'expired') AS expired
    FROM ledger.holds WHERE ledger_id = ${ledgerId}`.execute(trx)
  const [stored] = rows
  const isWhole =
    stored?.placed === of("HoldPlaced") &&
    stored.captured === of("HoldCaptured") &&
    stored.released === of("HoldReleased") &&
    stored.expired === of("HoldExpired")
  return findDifference(trx, {
    table: "ledger.holds",
    keys: ["position"],
    position: "position",
    logged: isWhole ? lookUp(ledgerId) : search(ledgerId),
    stored: sql`
      SELECT position, account_id, amount, expires_at, state, captured, ended_position
      FROM ledger.holds WHERE ledger_id = ${ledgerId}`,
  })
}

const columns = sql`
  p.position, p.account_id, (p.data->>'amount')::numeric AS amount, (p.data->>'expires_at')::timestamptz(3) AS expires_at,
  CASE x.type WHEN 'HoldCaptured' THEN 'captured' WHEN 'HoldReleased' THEN 'released' WHEN 'HoldExpired' THEN 'expired' ELSE 'open' END AS state,
  coalesce((x.data->>'captured')::numeric, 0) AS captured, x.position AS ended_position`

function lookUp(ledgerId: string): RawBuilder<unknown> {
  return sql`
    SELECT ${columns} FROM ledger.holds h
    JOIN ledger.event_log p ON p.ledger_id = h.ledger_id AND p.position = h.position AND p.type = 'HoldPlaced'
    LEFT JOIN ledger.event_log x ON x.ledger_id = h.ledger_id AND x.position = h.ended_position AND x.type IN ${ends}
      AND (x.data->>'hold_position')::bigint = h.position
    WHERE h.ledger_id = ${ledgerId}`
}

function search(ledgerId: string): RawBuilder<unknown> {
  return sql`
    SELECT ${columns} FROM ledger.event_log p
    LEFT JOIN ledger.event_log x ON x.ledger_id = p.ledger_id AND x.type IN ${ends}
      AND (x.data->>'hold_position')::bigint = p.position
    WHERE p.ledger_id = ${ledgerId} AND p.type = 'HoldPlaced'`
}

import { type Kysely, sql } from "kysely"
import { changeTypes } from "../../ledger/domain/events.ts"
import type { Database } from "../../ledger/store/database.ts"

/**
 * Takes the recorded changes of one page of the log into `settlement.batch_items`, and the intake's position with them. Any process may do it at any time: they wait for
 * each other and each change comes in once.
 * @returns whether there is more to read
 */
export async function takeIn(db: Kysely<Database>, ledgerId: string, pageEvents: number): Promise<boolean> {
  // Looking first keeps a wake-up without news from writing anything.
  const { rows: news } = await sql`
    SELECT 1 FROM ledger.head h LEFT JOIN settlement.intake i USING (ledger_id)
    WHERE h.ledger_id = ${ledgerId} AND h.position > coalesce(i.position, 0)`.execute(db)
  if (news.length === 0) return false
  return db.transaction().execute(async (trx) => {
    await sql`INSERT INTO settlement.intake (ledger_id, position) VALUES (${ledgerId}, 0) ON CONFLICT DO NOTHING`.execute(
      trx,
    )
    const { rows } = await sql<{ position: bigint }>`
      SELECT position FROM settlement.intake WHERE ledger_id = ${ledgerId} FOR UPDATE`.execute(trx)
    const after = rows[0]?.position ?? 0n
    // Positions have no gaps and become visible in their order, so the page's end is known before it is read.
    const { rows: heads } = await sql<{ upto: bigint }>`
      SELECT least(position, ${after + BigInt(pageEvents)}::bigint) AS upto FROM ledger.head WHERE ledger_id = ${ledgerId}`.execute(
      trx,
    )
    const upto = heads[0]?.upto ?? after
    if (upto <= after) return false
    await sql`
      INSERT INTO settlement.batch_items (ledger_id, position, account_id, token_id, amount, priority, is_immediate, deadline, recorded_at, state)
      SELECT e.ledger_id, e.position, e.account_id, a.token_id, e.amount,
        array_position(ARRAY['low', 'normal', 'high', 'urgent'], e.data->>'priority') - 1,
        (e.data->>'is_immediate')::boolean
          OR coalesce(NOT r.auto_batch, false)
          OR coalesce(t.strategy->'priority_reasons' ? (e.data->>'reason_type'), false),
        e.recorded_at + least(
          coalesce((t.strategy->>'max_wait_time_ms')::bigint, 0),
          coalesce((e.data->>'max_wait_ms')::bigint, (t.strategy->>'max_wait_time_ms')::bigint, 0)) * interval '1 ms',
        e.recorded_at, 'waiting'
      FROM ledger.event_log e
      JOIN ledger.accounts a ON a.ledger_id = e.ledger_id AND a.account_id = e.account_id
      JOIN registry.tokens t ON t.token_id = a.token_id
      LEFT JOIN registry.reasons r ON r.reason_type = e.data->>'reason_type'
      WHERE e.ledger_id = ${ledgerId} AND e.position > ${after} AND e.position <= ${upto} AND e.type = ANY(${[...changeTypes]})`.execute(
      trx,
    )
    await sql`UPDATE settlement.intake SET position = ${upto} WHERE ledger_id = ${ledgerId}`.execute(trx)
    return upto - after === BigInt(pageEvents)
  })
}

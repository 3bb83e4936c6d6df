import { type Kysely, sql } from "kysely"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import type { Database } from "../../ledger/store/database.ts"

const defaultAlarmMs = 600_000

/** Raises an alarm for each lane whose oldest change should have been sealed long ago, and clears the alarms of lanes that caught up. */
export async function watchLanes(db: Kysely<Database>, chainIds: readonly bigint[]): Promise<void> {
  const { rows } = await sql<{
    ledger_id: string
    token_id: number
    symbol: string
    is_paused: boolean
    deadline: Date | null
    is_behind: boolean
  }>`
    SELECT l.ledger_id, l.token_id, t.symbol, l.paused_at IS NOT NULL AS is_paused, w.deadline,
      coalesce(w.deadline + coalesce((t.strategy->>'pending_alarm_ms')::bigint, ${defaultAlarmMs}) * interval '1 ms' < now(), false) AS is_behind
    FROM settlement.lanes l JOIN registry.tokens t ON t.token_id = l.token_id
    CROSS JOIN LATERAL (
      SELECT min(deadline) AS deadline FROM settlement.batch_items i
      WHERE i.ledger_id = l.ledger_id AND i.token_id = l.token_id AND i.state = 'waiting'
        -- Those have an alarm of their own.
        AND NOT EXISTS (
          SELECT FROM settlement.dead_letters d
          WHERE d.ledger_id = i.ledger_id AND d.account_id = i.account_id AND d.closed_at IS NULL)) AS w
    WHERE t.chain_id = ANY(${chainIds.map(String)}::bigint[])`.execute(db)
  for (const row of rows) {
    const subject = `lane:${row.ledger_id}:${row.token_id}`
    if (!row.is_behind) {
      await clearAlarm(db, "lane_behind", subject)
      continue
    }
    const message = `changes in ${row.symbol} wait to be sealed since ${row.deadline?.toISOString()}${row.is_paused ? "; the lane is paused" : ""}`
    await raiseAlarm(db, { kind: "lane_behind", subject, ledgerId: row.ledger_id, message })
  }
}

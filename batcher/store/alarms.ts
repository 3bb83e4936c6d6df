import { randomUUID } from "node:crypto"
import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

export type AlarmKind =
  | "lane_paused"
  | "lane_behind"
  | "stuck_nonce"
  | "foreign_transaction"
  | "signer_balance"
  | "batch_failing"
  | "batch_used_elsewhere"
  | "chain_unreachable"

type Handle = Kysely<Database> | Transaction<Database>

/** Raises an alarm, once: while one of the same kind and subject is open, nothing is added. */
export async function raiseAlarm(
  db: Handle,
  alarm: { readonly kind: AlarmKind; readonly subject: string; readonly message: string },
): Promise<void> {
  await sql`
    INSERT INTO registry.alarms (alarm_id, kind, subject, message)
    VALUES (${randomUUID()}, ${alarm.kind}, ${alarm.subject}, ${alarm.message})
    ON CONFLICT (kind, subject) WHERE cleared_at IS NULL DO NOTHING`.execute(db)
}

/** Clears an alarm whose cause is gone. Clearing one that is not open does nothing. */
export async function clearAlarm(db: Handle, kind: AlarmKind, subject: string): Promise<void> {
  await sql`
    UPDATE registry.alarms SET cleared_at = now()
    WHERE kind = ${kind} AND subject = ${subject} AND cleared_at IS NULL`.execute(db)
}

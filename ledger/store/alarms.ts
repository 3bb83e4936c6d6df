import { randomUUID } from "node:crypto"
import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "./database.ts"

export type AlarmKind =
  | "lane_paused"
  | "lane_behind"
  | "stuck_nonce"
  | "nonce_at_fee_cap"
  | "fee_cap"
  | "finality_broken"
  | "foreign_transaction"
  | "signer_balance"
  | "signer_balance_low"
  | "treasury_balance"
  | "treasury_balance_low"
  | "treasury_unreadable"
  | "signer_role"
  | "signer_missing"
  | "signer_failing"
  | "batch_failing"
  | "batch_altered"
  | "dead_letters"
  | "batch_used_elsewhere"
  | "anchor_failing"
  | "foreign_anchor"
  | "contract_missing"
  | "unknown_batch"
  | "settlement_differs"
  | "settled_twice"
  | "reorg_below_confirmations"
  | "reorg_beyond_memory"
  | "indexer_behind"
  | "indexer_disagrees"
  | "overdrawn"
  | "clock_ahead"
  | "drift"
  | "projection_failed"
  | "import_failed"
  | "checkpoint_failing"
  | "holds_failing"
  | "redactions_failing"
  | "redis_unavailable"
  | "webhook_failing"
  | "webhook_disabled"

type Handle = Kysely<Database> | Transaction<Database>

/** Raises an alarm, once: while one of the same kind and subject is open, only its message changes. Open alarms show in `/system/health`. */
export async function raiseAlarm(
  db: Handle,
  alarm: {
    readonly kind: AlarmKind
    readonly subject: string
    /** Whose alarm it is: nobody else is shown it. null: it concerns everybody. */
    readonly ledgerId: string | null
    readonly message: string
  },
): Promise<void> {
  await sql`
    INSERT INTO registry.alarms AS open (alarm_id, kind, subject, ledger_id, message)
    VALUES (${randomUUID()}, ${alarm.kind}, ${alarm.subject}, ${alarm.ledgerId}, ${alarm.message})
    ON CONFLICT (kind, subject) WHERE cleared_at IS NULL
      DO UPDATE SET message = excluded.message WHERE open.message <> excluded.message`.execute(db)
}

/** Clears an alarm whose cause is gone. Clearing one that is not open does nothing. */
export async function clearAlarm(db: Handle, kind: AlarmKind, subject: string): Promise<void> {
  await sql`
    UPDATE registry.alarms SET cleared_at = now()
    WHERE kind = ${kind} AND subject = ${subject} AND cleared_at IS NULL`.execute(db)
}

import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"

/** An event as it is stored; `data` and `details` are the stored text, byte for byte, because it is hashed. */
export type AuditEvent = {
  readonly ledger_id: string
  readonly position: bigint
  readonly type: string
  readonly version: number
  readonly operation_id: string | null
  readonly sequence: number | null
  readonly account_id: bigint | null
  readonly amount: bigint | null
  readonly balance_after: bigint | null
  readonly occurred_at: Date
  readonly recorded_at: Date
  readonly causation: string
  readonly data: string
  readonly details: string | null
  readonly salt: Buffer | null
  readonly details_hash: Buffer | null
  readonly prev_hash: Buffer
  readonly hash: Buffer
}

export async function readHeadPosition(db: Kysely<Database>, ledgerId: string): Promise<bigint> {
  const head = await db
    .selectFrom("ledger.head")
    .select("position")
    .where("ledger_id", "=", ledgerId)
    .executeTakeFirst()
  return head?.position ?? 0n
}

/** The events behind `after`, up to and with `upTo`. */
export async function readEvents(
  db: Kysely<Database>,
  ledgerId: string,
  after: bigint,
  upTo: bigint,
): Promise<readonly AuditEvent[]> {
  const { rows } = await sql<AuditEvent>`
    SELECT ledger_id, position, type, version, operation_id, sequence, account_id, amount, balance_after, occurred_at, recorded_at,
      causation, data::text AS data, details::text AS details, salt, details_hash, prev_hash, hash
    FROM ledger.event_log WHERE ledger_id = ${ledgerId} AND position > ${after} AND position <= ${upTo}
    ORDER BY position`.execute(db)
  return rows
}

import { sql, type Transaction } from "kysely"
import type { EncodableEvent } from "../domain/event-encoding.ts"
import type { Database } from "./database.ts"

/** A row of `ledger.events`, ready to be stored. */
export type EventRow = EncodableEvent & {
  readonly detailsJson: string | null
  readonly salt: Buffer | null
  readonly prevHash: Buffer
  readonly hash: Buffer
}

/** Inserts any number of events with one statement. */
export async function insertEvents(
  trx: Transaction<Database>,
  ledgerId: string,
  rows: readonly EventRow[],
): Promise<void> {
  await sql`
    INSERT INTO ledger.events (ledger_id, position, type, version, operation_id, sequence, account_id, amount, balance_after,
      occurred_at, recorded_at, causation, data, details, salt, details_hash, prev_hash, hash)
    SELECT ${ledgerId}::uuid, e.position, e.type, e.version, e.operation_id, e.sequence, e.account_id, e.amount, e.balance_after,
      e.occurred_at, e.recorded_at, e.causation, e.data::json, e.details::json, e.salt, e.details_hash, e.prev_hash, e.hash
    FROM unnest(
      ${rows.map((row) => row.position.toString())}::bigint[],
      ${rows.map((row) => row.type)}::text[],
      ${rows.map((row) => row.version)}::smallint[],
      ${rows.map((row) => row.operationId)}::text[],
      ${rows.map((row) => row.sequence)}::integer[],
      ${rows.map((row) => row.accountId?.toString() ?? null)}::bigint[],
      ${rows.map((row) => row.amount?.toString() ?? null)}::numeric[],
      ${rows.map((row) => row.balanceAfter?.toString() ?? null)}::numeric[],
      ${rows.map((row) => row.occurredAt.toISOString())}::timestamptz[],
      ${rows.map((row) => row.recordedAt.toISOString())}::timestamptz[],
      ${rows.map((row) => row.causation)}::text[],
      ${rows.map((row) => row.dataJson)}::text[],
      ${rows.map((row) => row.detailsJson)}::text[],
      ${rows.map((row) => row.salt)}::bytea[],
      ${rows.map((row) => row.detailsHash)}::bytea[],
      ${rows.map((row) => row.prevHash)}::bytea[],
      ${rows.map((row) => row.hash)}::bytea[]
    ) AS e(position, type, version, operation_id, sequence, account_id, amount, balance_after, occurred_at, recorded_at,
      causation, data, details, salt, details_hash, prev_hash, hash)`.execute(trx)
}

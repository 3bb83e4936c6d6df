import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "./database.ts"

export type OperationKey = { readonly operationId: string; readonly sequence: number }

export type StoredOperation = OperationKey & {
  readonly requestHash: Buffer
  readonly firstPosition: bigint
  readonly lastPosition: bigint
  readonly recordedAt: Date
  readonly answerContext: unknown
}

/** The operations of a ledger that are recorded under these keys. */
export async function findOperations(
  db: Kysely<Database> | Transaction<Database>,
  ledgerId: string,
  keys: readonly OperationKey[],
): Promise<StoredOperation[]> {
  // LATERAL makes it one index probe a key, whatever the planner believed about the table's size.
  const { rows } = await sql<{
    operation_id: string
    sequence: number
    request_hash: Buffer
    first_position: bigint
    last_position: bigint
    recorded_at: Date
    answer_context: unknown
  }>`
    SELECT o.* FROM unnest(${keys.map((key) => key.operationId)}::text[], ${keys.map((key) => key.sequence)}::integer[])
      AS k(operation_id, sequence)
    CROSS JOIN LATERAL (
      SELECT operation_id, sequence, request_hash, first_position, last_position, recorded_at, answer_context
      FROM ledger.operations
      WHERE ledger_id = ${ledgerId} AND operation_id = k.operation_id AND sequence = k.sequence
    ) AS o`.execute(db)
  return rows.map((row) => ({
    operationId: row.operation_id,
    sequence: row.sequence,
    requestHash: row.request_hash,
    firstPosition: row.first_position,
    lastPosition: row.last_position,
    recordedAt: row.recorded_at,
    answerContext: row.answer_context,
  }))
}

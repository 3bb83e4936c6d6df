import { CompiledQuery, type Kysely } from "kysely"
import type { Database } from "./database.ts"
import type { Statement } from "./statement.ts"

export type OperationKey = { readonly operationId: string; readonly sequence: number }

export type StoredOperation = OperationKey & {
  readonly requestHash: Buffer
  readonly firstPosition: bigint
  readonly lastPosition: bigint
  readonly recordedAt: Date
  readonly answerContext: unknown
}

export type OperationRow = {
  readonly operation_id: string
  readonly sequence: number
  readonly request_hash: Buffer
  readonly first_position: bigint
  readonly last_position: bigint
  readonly recorded_at: Date
  readonly answer_context: unknown
}

// OFFSET keeps the planner from turning the probes into a join: it stays one index probe a key, whatever is believed about the table's size.
const text = `
  SELECT o.* FROM unnest($2::text[], $3::integer[]) AS k(operation_id, sequence)
  CROSS JOIN LATERAL (
    SELECT operation_id, sequence, request_hash, first_position, last_position, recorded_at, answer_context
    FROM ledger.operations
    WHERE ledger_id = $1 AND operation_id = k.operation_id AND sequence = k.sequence OFFSET 0
  ) AS o`

/** Asks for the operations of a ledger that are recorded under these keys. */
export function findOperationsStatement(ledgerId: string, keys: readonly OperationKey[]): Statement {
  return {
    name: "ledger-find-operations",
    text,
    values: [ledgerId, keys.map((key) => key.operationId), keys.map((key) => key.sequence)],
  }
}

export function toStoredOperation(row: OperationRow): StoredOperation {
  return {
    operationId: row.operation_id,
    sequence: row.sequence,
    requestHash: row.request_hash,
    firstPosition: row.first_position,
    lastPosition: row.last_position,
    recordedAt: row.recorded_at,
    answerContext: row.answer_context,
  }
}

/** The operations of a ledger that are recorded under these keys. */
export async function findOperations(
  db: Kysely<Database>,
  ledgerId: string,
  keys: readonly OperationKey[],
): Promise<StoredOperation[]> {
  const statement = findOperationsStatement(ledgerId, keys)
  const { rows } = await db.executeQuery<OperationRow>(
    CompiledQuery.raw(statement.text, [...statement.values]),
  )
  return rows.map(toStoredOperation)
}

import type { Statement } from "./statement.ts"

export type NewOperation = {
  readonly operationId: string
  readonly sequence: number
  readonly requestHash: Buffer
  readonly route: string
  readonly firstPosition: bigint
  readonly lastPosition: bigint
  readonly recordedAt: Date
  readonly answerContext: unknown
}

const text = `
  INSERT INTO ledger.operations
    (ledger_id, operation_id, sequence, request_hash, route, first_position, last_position, recorded_at, answer_context)
  SELECT $1::uuid, o.operation_id, o.sequence, o.request_hash, o.route, o.first_position, o.last_position, o.recorded_at,
    o.answer_context::json
  FROM unnest($2::text[], $3::integer[], $4::bytea[], $5::text[], $6::bigint[], $7::bigint[], $8::timestamptz[], $9::text[])
    AS o(operation_id, sequence, request_hash, route, first_position, last_position, recorded_at, answer_context)`

/** Binds keys to what was recorded under them, for ever: a key that is bound already fails the transaction. */
export function insertOperations(ledgerId: string, operations: readonly NewOperation[]): Statement {
  return {
    name: "ledger-insert-operations",
    text,
    values: [
      ledgerId,
      operations.map((operation) => operation.operationId),
      operations.map((operation) => operation.sequence),
      operations.map((operation) => operation.requestHash),
      operations.map((operation) => operation.route),
      operations.map((operation) => operation.firstPosition.toString()),
      operations.map((operation) => operation.lastPosition.toString()),
      operations.map((operation) => operation.recordedAt.toISOString()),
      operations.map((operation) => JSON.stringify(operation.answerContext)),
    ],
  }
}

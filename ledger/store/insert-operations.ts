import {
  type CopyStatement,
  copyBytes,
  copyInt4,
  copyInt8,
  copyInto,
  copyText,
  copyTime,
  uuidBytes,
} from "./copy-statement.ts"

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

const columns =
  "ledger_id, operation_id, sequence, request_hash, route, first_position, last_position, recorded_at, answer_context"

/** Binds keys to what was recorded under them, for ever: a key that is bound already fails the transaction. */
export function copyOperations(ledgerId: string, operations: readonly NewOperation[]): CopyStatement {
  const ledger = uuidBytes(ledgerId)
  return copyInto("ledger.operations", columns, operations, (to, operation) => {
    copyBytes(to, ledger)
    copyText(to, operation.operationId)
    copyInt4(to, operation.sequence)
    copyBytes(to, operation.requestHash)
    copyText(to, operation.route)
    copyInt8(to, operation.firstPosition)
    copyInt8(to, operation.lastPosition)
    copyTime(to, operation.recordedAt)
    copyText(to, JSON.stringify(operation.answerContext))
  })
}

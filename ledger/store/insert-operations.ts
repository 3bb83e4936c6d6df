import { type CopyStatement, copyBytes, copyText, copyTime } from "./copy-statement.ts"

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
  let lines = ""
  for (const operation of operations) {
    lines +=
      `${ledgerId}\t${copyText(operation.operationId)}\t${operation.sequence}\t${copyBytes(operation.requestHash)}\t` +
      `${copyText(operation.route)}\t${operation.firstPosition}\t${operation.lastPosition}\t${copyTime(operation.recordedAt)}\t` +
      `${copyText(JSON.stringify(operation.answerContext))}\n`
  }
  return { text: `COPY ledger.operations (${columns}) FROM STDIN`, rows: [lines] }
}

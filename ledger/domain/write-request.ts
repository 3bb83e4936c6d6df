import type { OperatorAction } from "./operator-action.ts"

/** What every command is recorded under. */
export type WriteRequest = {
  readonly operationId: string
  /** 0 … 2^31 − 1 */
  readonly sequence: number
  /** HMAC-SHA256 of the request in canonical form, without defaults of ours. */
  readonly requestHash: Buffer
  readonly route: string
  /** What the first answer says beyond the events; kept so that a replay says the same. */
  readonly answerContext: unknown
  /** Goes into the audit log where the command is recorded, in the same transaction. */
  readonly action?: OperatorAction
}

/** What all events of an operation have in common. */
export function operationFields(request: Pick<WriteRequest, "operationId" | "sequence">, at: Date) {
  const { operationId, sequence } = request
  return {
    operation: { operationId, sequence },
    occurredAt: at,
    causation: causationOf(request),
  }
}

export function causationOf({
  operationId,
  sequence,
}: Pick<WriteRequest, "operationId" | "sequence">): string {
  return `operation:${operationId}:${sequence}`
}

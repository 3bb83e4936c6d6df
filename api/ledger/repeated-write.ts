import type { OperationKey } from "../../ledger/store/find-operations.ts"
import type { Answer } from "../presenters/envelope.ts"
import { type Refusal, refuse } from "../refusal.ts"

export function replayed(answer: Answer): Answer {
  return { ...answer, headers: { ...answer.headers, "idempotent-replayed": "true" } }
}

export function refuseOtherRequest({ operationId, sequence }: OperationKey): Refusal {
  return refuse(
    "IDEMPOTENCY_CONFLICT",
    "operation_id",
    `operation "${operationId}" with sequence ${sequence} was recorded with another request; use a new operation_id or sequence for a new operation`,
  )
}

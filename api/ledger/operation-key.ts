import { randomUUIDv7 } from "node:crypto"
import type { OperationKey } from "../../ledger/store/find-operations.ts"
import { type Refusal, refuse } from "../refusal.ts"
import { operationIdSchema } from "../validation/schemas.ts"

/**
 * The key under which a write is recorded: from the body, from the header `Idempotency-Key` (which means sequence 0), or made here when
 * neither names one.
 */
export function operationKeyOf(request: {
  readonly operationId: string | undefined
  readonly sequence: number | undefined
  readonly idempotencyKey: string | undefined
}): OperationKey | Refusal {
  const { operationId, sequence, idempotencyKey } = request
  if (idempotencyKey === undefined) {
    if (operationId === undefined && sequence !== undefined)
      return refuse("INVALID_FIELD", "sequence", "name the operation_id that the sequence belongs to")
    return { operationId: operationId ?? `op_${randomUUIDv7()}`, sequence: sequence ?? 0 }
  }
  if (!/^[\x20-\x7e]+$/.test(idempotencyKey) || !operationIdSchema.safeParse(idempotencyKey).success)
    return refuse(
      "INVALID_PARAMETER",
      "idempotency-key",
      'use 1 to 128 printable ASCII characters, and neither "." nor ".."',
    )
  if (operationId !== undefined && operationId !== idempotencyKey) {
    return refuse(
      "IDEMPOTENCY_KEY_MISMATCH",
      "operation_id",
      "name the same operation in header and body, or in one of them only",
    )
  }
  if (sequence !== undefined && sequence !== 0) {
    return refuse(
      "IDEMPOTENCY_KEY_MISMATCH",
      "sequence",
      "the header means sequence 0; name another sequence with operation_id in the body, without the header",
    )
  }
  return { operationId: idempotencyKey, sequence: 0 }
}

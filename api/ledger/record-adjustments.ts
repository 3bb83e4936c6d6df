import { createHash } from "node:crypto"
import type { Priority } from "../../ledger/domain/priority.ts"
import { findOperations, type OperationKey } from "../../ledger/store/find-operations.ts"
import { readOperation } from "../../ledger/store/read-operation.ts"
import { unreachable } from "../../platform/errors.ts"
import { presentAdjustments } from "../presenters/adjustment-answer.ts"
import { answerContextOf } from "../presenters/answer-context.ts"
import type { Answer } from "../presenters/envelope.ts"
import { isRefusal, type Refusal, refuse } from "../refusal.ts"
import type { Caller } from "../registry/api-keys.ts"
import type { Services } from "../services.ts"
import { canonicalJson } from "../validation/canonical-json.ts"
import { operationKeyOf } from "./operation-key.ts"
import { refuseCommand } from "./refuse-command.ts"
import {
  type RequestedAdjustment,
  type ResolvedAdjustment,
  resolveAdjustments,
} from "./resolve-adjustments.ts"

export type AdjustmentsRequest = {
  readonly caller: Caller
  readonly route: string
  readonly operationId: string | undefined
  readonly sequence: number | undefined
  readonly idempotencyKey: string | undefined
  readonly priority: Priority
  readonly businessBatchId: string | null
  readonly adjustments: readonly RequestedAdjustment[]
}

/** Every route that changes balances ends here: one key, one hash, one writer, one answer. */
export async function recordAdjustments(
  services: Services,
  request: AdjustmentsRequest,
): Promise<Answer | Refusal> {
  const { caller } = request
  const key = operationKeyOf(request)
  if ("refused" in key) return key
  const requestHash = hashRequest(request)
  const registry = await services.registry.current()
  const resolved = resolveAdjustments(registry, request.adjustments, request.priority)
  if (!isResolved(resolved)) {
    // The registry may have changed since the operation was recorded: then it is recorded all the same.
    return (await replay(services, caller, key, requestHash)) ?? resolved
  }
  const result = await services.writers.of(caller.ledgerId).execute({
    kind: "AdjustBalance",
    ...key,
    requestHash,
    route: request.route,
    businessBatchId: request.businessBatchId,
    answerContext: answerContextOf(services.lanes, caller.ledgerId, resolved, new Date()),
    adjustments: resolved.map(({ adjustment }) => adjustment),
  })
  switch (result.outcome) {
    case "recorded":
      return presentAdjustments(caller.ledgerId, result.operation, result.isReplay)
    case "refused":
      return refuseCommand(result.refusal, {
        ledgerId: caller.ledgerId,
        tokenOf: (index) => resolved[index]?.token,
        amountField: (index) => `adjustments[${index}].amount`,
      })
    case "conflict":
      return conflict(key)
    case "overloaded":
      return refuse("OVERLOADED", null, "nothing was recorded; send the same request again", {
        "retry-after": String(Math.ceil(result.retryAfterMs / 1_000)),
      })
    default:
      return unreachable(result)
  }
}

/** Over what the caller said, after our own defaults and before the registry's; the key itself is not part of it. */
function hashRequest(request: AdjustmentsRequest): Buffer {
  const { route, priority, businessBatchId, adjustments } = request
  return createHash("sha256")
    .update(canonicalJson({ route, priority, batch_id: businessBatchId, adjustments }))
    .digest()
}

function isResolved(
  resolved: readonly ResolvedAdjustment[] | Refusal,
): resolved is readonly ResolvedAdjustment[] {
  return !isRefusal(resolved)
}

async function replay(
  services: Services,
  caller: Caller,
  key: OperationKey,
  requestHash: Buffer,
): Promise<Answer | Refusal | undefined> {
  const [stored] = await findOperations(services.db, caller.ledgerId, [key])
  if (stored === undefined) return undefined
  if (!stored.requestHash.equals(requestHash)) return conflict(key)
  return presentAdjustments(caller.ledgerId, await readOperation(services.db, caller.ledgerId, stored), true)
}

function conflict(key: OperationKey): Refusal {
  return refuse(
    "IDEMPOTENCY_CONFLICT",
    "operation_id",
    `operation "${key.operationId}" with sequence ${key.sequence} was recorded with another body; use a new operation_id or sequence for a new operation`,
  )
}

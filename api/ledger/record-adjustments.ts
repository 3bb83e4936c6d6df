import type { Priority } from "../../ledger/domain/priority.ts"
import { presentAdjustments } from "../presenters/adjustment-answer.ts"
import { answerContextOf } from "../presenters/answer-context.ts"
import type { Answer } from "../presenters/envelope.ts"
import { isRefusal, type Refusal } from "../refusal.ts"
import type { Caller } from "../registry/api-keys.ts"
import type { Services } from "../services.ts"
import { executeCommand } from "./execute-command.ts"
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

/** Every route that adjusts balances ends here. */
export function recordAdjustments(
  services: Services,
  request: AdjustmentsRequest,
): Promise<Answer | Refusal> {
  const { priority, businessBatchId, adjustments } = request
  const { ledgerId } = request.caller
  return executeCommand(services, {
    ...request,
    said: { priority, batch_id: businessBatchId, adjustments },
    async prepare(write) {
      const registry = await services.registry.current()
      const resolved = resolveAdjustments(registry, adjustments, priority)
      if (!isResolved(resolved)) return resolved
      return {
        command: {
          kind: "AdjustBalance",
          ...write,
          businessBatchId,
          answerContext: answerContextOf(services.lanes, ledgerId, resolved, new Date()),
          adjustments: resolved.map(({ adjustment }) => adjustment),
        },
        subject: {
          ledgerId,
          tokenOf: (index) => resolved[index]?.token,
          amountField: (index) => `adjustments[${index}].amount`,
        },
      }
    },
    present: (operation) => presentAdjustments(ledgerId, operation),
  })
}

function isResolved(
  resolved: readonly ResolvedAdjustment[] | Refusal,
): resolved is readonly ResolvedAdjustment[] {
  return !isRefusal(resolved)
}

import type { RecordedOperation } from "../../ledger/store/read-operation.ts"
import type { ErrorCode } from "../errors.ts"
import { presentAdjustments } from "../presenters/adjustment-answer.ts"
import { answerContextOf } from "../presenters/answer-context.ts"
import type { Answer } from "../presenters/envelope.ts"
import { isRefusal, type Refusal } from "../refusal.ts"
import type { RegistrySnapshot } from "../registry/registry-snapshot.ts"
import type { Services } from "../services.ts"
import { type CommandRequest, executeCommand } from "./execute-command.ts"
import {
  type AdjustmentRules,
  type RequestedAdjustment,
  type ResolvedAdjustment,
  resolveAdjustments,
} from "./resolve-adjustments.ts"

export type AdjustmentsRequest = Omit<CommandRequest, "prepare" | "present"> & {
  readonly businessBatchId: string | null
  readonly rules: AdjustmentRules
  /** What was asked for as adjustments, under the registry of this moment. */
  adjustmentsUnder(registry: RegistrySnapshot): readonly RequestedAdjustment[] | Refusal
  /** Unless it is that of `POST /balance/adjust`. */
  readonly present?: (ledgerId: string, operation: RecordedOperation) => Answer
}

/** What each of these routes may refuse, beyond what all routes do. */
export const adjustmentRefusals: readonly ErrorCode[] = [
  "INVALID_AMOUNT",
  "UNKNOWN_TOKEN",
  "AMBIGUOUS_TOKEN",
  "UNKNOWN_REASON",
  "TOKEN_RETIRED",
  "REASON_RETIRED",
  "METADATA_NOT_ALLOWED",
  "INSUFFICIENT_BALANCE",
  "DEBIT_NOT_SUPPORTED",
  "BALANCE_OUT_OF_RANGE",
  "IDEMPOTENCY_CONFLICT",
  "IDEMPOTENCY_KEY_MISMATCH",
  "OVERLOADED",
]

/** Every route that adjusts balances ends here. */
export function recordAdjustments(
  services: Services,
  request: AdjustmentsRequest,
): Promise<Answer | Refusal> {
  const { businessBatchId, rules, present = presentAdjustments } = request
  const { ledgerId } = request.caller
  return executeCommand(services, {
    ...request,
    async prepare(write) {
      const registry = await services.registry.current()
      const requested = request.adjustmentsUnder(registry)
      if ("refused" in requested) return requested
      const resolved = resolveAdjustments(registry, requested, rules)
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
          amountField: (index) => `${rules.list}[${index}].amount`,
        },
      }
    },
    present: (operation) => present(ledgerId, operation),
  })
}

function isResolved(
  resolved: readonly ResolvedAdjustment[] | Refusal,
): resolved is readonly ResolvedAdjustment[] {
  return !isRefusal(resolved)
}

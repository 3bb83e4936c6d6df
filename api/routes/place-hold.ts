import { higherPriority } from "../../ledger/domain/priority.ts"
import { executeCommand } from "../ledger/execute-command.ts"
import { keyedWrite } from "../ledger/keyed-write.ts"
import { plainRules, resolveAdjustment } from "../ledger/resolve-adjustments.ts"
import { holdAnswerContext, placedHoldSchema, presentHoldStep } from "../presenters/hold-answer.ts"
import { type FieldError, type Refusal, refuseAll } from "../refusal.ts"
import type { HoldPolicy } from "../registry/registry-snapshot.ts"
import { defineRoute } from "../route.ts"
import { placeHoldBodySchema } from "../validation/hold-schemas.ts"

const route = "/balance/holds"

export const placeHold = defineRoute({
  method: "post",
  path: route,
  tag: "Ledger",
  summary: "Keep an amount back for a later capture",
  permission: "ledger.write",
  body: placeHoldBodySchema,
  answer: placedHoldSchema,
  refusals: [
    "INVALID_AMOUNT",
    "UNKNOWN_TOKEN",
    "AMBIGUOUS_TOKEN",
    "UNKNOWN_REASON",
    "TOKEN_RETIRED",
    "REASON_RETIRED",
    "METADATA_NOT_ALLOWED",
    "INSUFFICIENT_BALANCE",
    "DEBIT_NOT_SUPPORTED",
    "IDEMPOTENCY_CONFLICT",
    "IDEMPOTENCY_KEY_MISMATCH",
    "OVERLOADED",
  ],
  handle(services, { body, caller, context }) {
    const { operation_id, sequence, expires_in, expires_at, priority, ...item } = body
    const { ledgerId } = caller
    return executeCommand(services, {
      ...keyedWrite(route, { caller, body, context }),
      said: { ...item, priority, expires_in, expires_at: expires_at?.toISOString() },
      async prepare(write) {
        const registry = await services.registry.current()
        const { batch_id: businessBatchId, ...requested } = item
        const reason = registry.reasons.get(item.reason_type)
        const highest = reason === undefined ? priority : higherPriority(priority, reason.priority)
        const rules = { ...plainRules(highest), direction: "held" } as const
        const resolved = resolveAdjustment(registry, requested, rules, "")
        const expiry = readExpiry({ expires_in, expires_at }, registry.holds, new Date())
        const errors = [
          ...("errors" in resolved ? resolved.errors : []),
          ...("code" in expiry ? [expiry] : []),
        ]
        if ("errors" in resolved || "code" in expiry) return refuseSome(errors)
        const { adjustment, token } = resolved
        return {
          command: {
            kind: "PlaceHold",
            ...write,
            answerContext: holdAnswerContext(token, null),
            userId: adjustment.userId,
            tokenId: adjustment.tokenId,
            amountBaseUnits: adjustment.amountBaseUnits,
            expiry,
            change: {
              reason_type: adjustment.reasonType,
              business_type: adjustment.businessType,
              priority: adjustment.priority,
              is_immediate: adjustment.isImmediate,
              max_wait_ms: adjustment.maxWaitMs,
              business_batch_id: businessBatchId ?? null,
            },
            details: { reason_detail: adjustment.reasonDetail, metadata: adjustment.metadata },
          },
          subject: { ledgerId, tokenOf: () => token, amountField: () => "amount" },
        }
      },
      present: (operation) => presentHoldStep(ledgerId, operation),
    })
  },
})

function readExpiry(
  said: { readonly expires_in: number | undefined; readonly expires_at: Date | undefined },
  policy: HoldPolicy,
  now: Date,
): { readonly inMs: number } | { readonly at: Date } | FieldError {
  const { expires_in: seconds, expires_at: at } = said
  const longest = `a hold lasts at most ${policy.maxExpiryMs / 1_000} seconds`
  if (at !== undefined) {
    const refused = { field: "expires_at", code: "INVALID_FIELD" } as const
    if (seconds !== undefined)
      return { ...refused, message: "name either expires_in or expires_at, not both" }
    if (at <= now) return { ...refused, message: "name a time in the future" }
    return at.getTime() - now.getTime() > policy.maxExpiryMs ? { ...refused, message: longest } : { at }
  }
  const inMs = seconds === undefined ? policy.defaultExpiryMs : seconds * 1_000
  return inMs > policy.maxExpiryMs
    ? { field: "expires_in", code: "INVALID_FIELD", message: longest }
    : { inMs }
}

function refuseSome([first, ...others]: readonly FieldError[]): Refusal {
  if (first === undefined) throw new TypeError("a refusal without an error")
  return refuseAll([first, ...others])
}

import type { z } from "@hono/zod-openapi"
import type { Adjustment } from "../../ledger/domain/adjust-balance.ts"
import { parseAmount } from "../../ledger/domain/amount.ts"
import { higherPriority, type Priority } from "../../ledger/domain/priority.ts"
import { type FieldError, type Refusal, refuseAll } from "../refusal.ts"
import type { RegisteredToken, RegistrySnapshot } from "../registry/registry-snapshot.ts"
import type { adjustmentSchema } from "../validation/adjustment-schemas.ts"
import { resolveToken } from "./resolve-token.ts"

export type RequestedAdjustment = z.output<typeof adjustmentSchema>

/** What one adjustment means under the registry of this moment. */
export type ResolvedAdjustment = { readonly adjustment: Adjustment; readonly token: RegisteredToken }

const errorsMax = 50

/**
 * Looks up tokens and reasons and reads the amounts with the tokens' decimals. The priority of the request is the highest of its own and its reasons'.
 * @returns every adjustment, or all that is wrong with them (at most fifty entries)
 */
export function resolveAdjustments(
  registry: RegistrySnapshot,
  requested: readonly RequestedAdjustment[],
  requestPriority: Priority,
): readonly ResolvedAdjustment[] | Refusal {
  const errors: FieldError[] = []
  const resolved: ResolvedAdjustment[] = []
  let priority = requestPriority
  for (const { reason_type } of requested) {
    const reason = registry.reasons.get(reason_type)
    if (reason !== undefined) priority = higherPriority(priority, reason.priority)
  }
  for (const [index, item] of requested.entries()) {
    if (errors.length >= errorsMax) break
    const prefix = `adjustments[${index}].`
    const token = resolveToken(registry, item.token_symbol, item.chain_id, prefix)
    const reason = registry.reasons.get(item.reason_type)
    if (reason === undefined) {
      errors.push({
        field: `${prefix}reason_type`,
        code: "UNKNOWN_REASON",
        message: `"${item.reason_type}" is not registered; GET /reasons lists the reasons`,
      })
    } else {
      for (const name of Object.keys(item.metadata ?? {})) {
        if (reason.allowedMetadata.has(name)) continue
        errors.push({
          field: `${prefix}metadata.${name.slice(0, 100)}`,
          code: "METADATA_NOT_ALLOWED",
          message: `"${reason.reasonType}" takes these keys: ${[...reason.allowedMetadata].join(", ") || "none"}`,
        })
      }
    }
    if ("code" in token) {
      errors.push(token)
      continue
    }
    const amount = parseAmount(item.amount, token.decimals, "required")
    if ("refused" in amount) {
      errors.push({ field: `${prefix}amount`, code: amount.refused, message: amount.message })
      continue
    }
    if (reason === undefined) continue
    resolved.push({
      token,
      adjustment: {
        userId: item.user_id,
        tokenId: token.tokenId,
        amountBaseUnits: amount.amountBaseUnits,
        reasonType: reason.reasonType,
        businessType: reason.businessType,
        priority,
        isImmediate: !reason.autoBatch,
        maxWaitMs: null,
        reasonDetail: item.reason_detail ?? null,
        metadata: item.metadata ?? {},
      },
    })
  }
  const [first, ...others] = errors
  return first === undefined ? resolved : refuseAll([first, ...others.slice(0, errorsMax - 1)])
}

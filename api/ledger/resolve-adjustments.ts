import type { z } from "@hono/zod-openapi"
import type { Adjustment } from "../../ledger/domain/adjust-balance.ts"
import { parseAmount } from "../../ledger/domain/amount.ts"
import type { EventDetails } from "../../ledger/domain/events.ts"
import { higherPriority, type Priority } from "../../ledger/domain/priority.ts"
import { type FieldError, type Refusal, refuse, refuseAll } from "../refusal.ts"
import type { RegisteredReason, RegisteredToken, RegistrySnapshot } from "../registry/registry-snapshot.ts"
import type { adjustmentSchema } from "../validation/adjustment-schemas.ts"
import { resolveToken } from "./resolve-token.ts"

export type RequestedAdjustment = z.output<typeof adjustmentSchema> & {
  /** The reason's own, unless named. */
  readonly business_type?: string | undefined
}

/** What one adjustment means under the registry of this moment. */
export type ResolvedAdjustment = { readonly adjustment: Adjustment; readonly token: RegisteredToken }

/** Who says whether an amount is given or taken: its own sign, or the route. What is held is taken later, and written without a sign until then. */
type Direction = "signed" | "credited" | "debited" | "held"

/** What holds for all adjustments of a request. */
export type AdjustmentRules = {
  /** Name of their list in the body. */
  readonly list: string
  readonly direction: Direction
  /** Of the request itself. */
  readonly priority: Priority
  readonly isImmediate: boolean
  readonly maxWaitMs: number | null
  /** Whether the route has made the metadata itself: the reason is not asked whether it takes that. */
  readonly isOwnMetadata: boolean
}

/** As `POST /balance/adjust` has it. */
export function plainRules(priority: Priority): AdjustmentRules {
  return {
    list: "adjustments",
    direction: "signed",
    priority,
    isImmediate: false,
    maxWaitMs: null,
    isOwnMetadata: false,
  }
}

const errorsMax = 50

/**
 * Looks up tokens and reasons and reads the amounts with the tokens' decimals. The priority of the request is the highest of its own and its reasons'.
 * @returns every adjustment, or all that is wrong with them (at most fifty entries)
 */
export function resolveAdjustments(
  registry: RegistrySnapshot,
  requested: readonly RequestedAdjustment[],
  rules: AdjustmentRules,
): readonly ResolvedAdjustment[] | Refusal {
  const errors: FieldError[] = []
  const resolved: ResolvedAdjustment[] = []
  let { priority } = rules
  for (const { reason_type } of requested) {
    const reason = registry.reasons.get(reason_type)
    if (reason !== undefined) priority = higherPriority(priority, reason.priority)
  }
  const ofAll = { ...rules, priority }
  for (const [index, item] of requested.entries()) {
    if (errors.length >= errorsMax) break
    const one = resolveAdjustment(registry, item, ofAll, `${rules.list}[${index}].`)
    if ("errors" in one) errors.push(...one.errors)
    else resolved.push(one)
  }
  const [first, ...others] = errors
  return first === undefined ? resolved : refuseAll([first, ...others.slice(0, errorsMax - 1)])
}

/** One of them by itself. @param rules with the priority of the whole request @param prefix path before its fields' names */
export function resolveAdjustment(
  registry: RegistrySnapshot,
  item: RequestedAdjustment,
  rules: Omit<AdjustmentRules, "list">,
  prefix: string,
): ResolvedAdjustment | { readonly errors: readonly FieldError[] } {
  const { direction, priority } = rules
  const errors: FieldError[] = []
  const token = resolveToken(registry, item.token_symbol, item.chain_id, prefix)
  const reason = registry.reasons.get(item.reason_type)
  if (reason === undefined) {
    errors.push({
      field: `${prefix}reason_type`,
      code: "UNKNOWN_REASON",
      message: `"${item.reason_type}" is not registered; GET /reasons lists the reasons`,
    })
  } else if (reason.isRetired) {
    errors.push({
      field: `${prefix}reason_type`,
      code: "REASON_RETIRED",
      message: `"${item.reason_type}" is retired; choose another of GET /reasons`,
    })
  } else if (!rules.isOwnMetadata) {
    errors.push(...findForbiddenMetadata(reason, item.metadata, prefix))
  }
  if ("code" in token) return { errors: [...errors, token] }
  if (token.isRetired)
    errors.push({
      field: `${prefix}token_symbol`,
      code: "TOKEN_RETIRED",
      message: `"${token.symbol}" on chain ${token.chain.chainId} is retired and takes no changes; GET /tokens lists those that do`,
    })
  const amount = parseAmount(item.amount, token.decimals, direction === "signed" ? "required" : "forbidden")
  if ("refused" in amount)
    errors.push({ field: `${prefix}amount`, code: amount.refused, message: amount.message })
  else if (direction === "debited" || direction === "held" || amount.amountBaseUnits < 0n) {
    const unsupported = findUnsupportedDebit(token, `${prefix}amount`)
    if (unsupported !== null) errors.push(unsupported)
  }
  if (reason === undefined || "refused" in amount || errors.length > 0) return { errors }
  return {
    token,
    adjustment: {
      userId: item.user_id,
      tokenId: token.tokenId,
      amountBaseUnits: direction === "debited" ? -amount.amountBaseUnits : amount.amountBaseUnits,
      reasonType: reason.reasonType,
      businessType: item.business_type ?? reason.businessType,
      priority,
      isImmediate: rules.isImmediate || !reason.autoBatch,
      maxWaitMs: rules.maxWaitMs,
      reasonDetail: item.reason_detail ?? null,
      metadata: item.metadata ?? {},
    },
  }
}

/** A change that nothing could ever settle is not recorded: its account's later credits would wait behind it. @returns null where debits can be settled */
export function findUnsupportedDebit(token: RegisteredToken, field: string | null): FieldError | null {
  if (token.settlementMode !== "treasury") return null
  const message = `${token.symbol} is paid out of a treasury, which can take nothing from a user: it can be credited, and neither debited, held nor taken back`
  return { field, code: "DEBIT_NOT_SUPPORTED", message }
}

/**
 * What is said about a change whose reason was named before. @returns null where nothing is said
 */
export function checkDetails(
  registry: RegistrySnapshot,
  reasonType: string,
  said: {
    readonly reason_detail?: string | undefined
    readonly metadata?: Readonly<Record<string, unknown>> | undefined
  },
): EventDetails | null | Refusal {
  const { reason_detail = null, metadata } = said
  if (reason_detail === null && metadata === undefined) return null
  const reason = registry.reasons.get(reasonType)
  if (metadata !== undefined && reason === undefined)
    return refuse("UNKNOWN_REASON", "metadata", `"${reasonType}" is not registered any more`)
  const [first, ...others] = reason === undefined ? [] : findForbiddenMetadata(reason, metadata, "")
  return first === undefined ? { reason_detail, metadata: metadata ?? {} } : refuseAll([first, ...others])
}

/** Keys that the reason does not take. */
function findForbiddenMetadata(
  reason: RegisteredReason,
  metadata: Readonly<Record<string, unknown>> | undefined,
  prefix: string,
): FieldError[] {
  return Object.keys(metadata ?? {})
    .filter((name) => !reason.allowedMetadata.has(name))
    .map((name) => ({
      field: `${prefix}metadata.${name.slice(0, 100)}`,
      code: "METADATA_NOT_ALLOWED",
      message: `"${reason.reasonType}" takes these keys: ${[...reason.allowedMetadata].join(", ") || "none"}`,
    }))
}

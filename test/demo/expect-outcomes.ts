import type { StreamAdjustment, StreamOperation } from "./stream-operation.ts"

/** What a token and a reason registry allow, as the API itself says. */
export type StreamRules = {
  readonly decimals: number
  /** Allowed metadata keys by reason. */
  readonly reasons: ReadonlyMap<string, ReadonlySet<string>>
}

export type ExpectedOutcome =
  | { readonly accepted: true; readonly changes: readonly UserChange[] }
  | { readonly accepted: false; readonly code: string }
export type UserChange = { readonly userId: string; readonly amountBaseUnits: bigint }

/**
 * Plain bookkeeping of a stream, without any of the product's code: what has to be accepted, what refused and why, and what everybody has in the end.
 * @returns by operation id, and by user in base units
 */
export function expectOutcomes(
  operations: readonly StreamOperation[],
  rules: StreamRules,
): { outcomes: Map<string, ExpectedOutcome>; balances: Map<string, bigint> } {
  const balances = new Map<string, bigint>()
  const outcomes = new Map<string, ExpectedOutcome>()
  for (const { operation_id: id, adjustments } of operations) {
    outcomes.set(id, decide(adjustments, rules, balances))
  }
  return { outcomes, balances }
}

function decide(
  adjustments: readonly StreamAdjustment[],
  rules: StreamRules,
  balances: Map<string, bigint>,
): ExpectedOutcome {
  const changes: UserChange[] = []
  for (const { user_id: userId, amount, reason_type: reason, metadata } of adjustments) {
    const amountBaseUnits = baseUnitsOf(amount, rules.decimals)
    if (amountBaseUnits === undefined) return { accepted: false, code: "INVALID_AMOUNT" }
    const allowed = rules.reasons.get(reason)
    if (allowed === undefined) return { accepted: false, code: "UNKNOWN_REASON" }
    if (Object.keys(metadata ?? {}).some((key) => !allowed.has(key)))
      return { accepted: false, code: "METADATA_NOT_ALLOWED" }
    changes.push({ userId, amountBaseUnits })
  }
  const after = new Map<string, bigint>()
  for (const { userId, amountBaseUnits } of changes) {
    const balance = (after.get(userId) ?? balances.get(userId) ?? 0n) + amountBaseUnits
    if (amountBaseUnits < 0n && balance < 0n) return { accepted: false, code: "INSUFFICIENT_BALANCE" }
    after.set(userId, balance)
  }
  for (const [userId, balance] of after) balances.set(userId, balance)
  return { accepted: true, changes }
}

/** @returns undefined for what is no signed decimal of the token other than zero */
export function baseUnitsOf(text: string, decimals: number): bigint | undefined {
  const [, sign, whole = "", fraction = ""] = /^([+-])(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  const digits = fraction.replace(/0+$/, "")
  if (sign === undefined || digits.length > decimals) return undefined
  const size = BigInt(whole + digits.padEnd(decimals, "0"))
  if (size === 0n) return undefined
  return sign === "-" ? -size : size
}

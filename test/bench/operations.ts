import { createSeededRandom } from "../demo/seeded-random.ts"
import { createZipf } from "../demo/zipf.ts"
import type { Population } from "./load-order.ts"

/** Few users make most of the traffic, as in the demo. */
const zipfExponent = 1.07

/** What an account is opened with, so that its debits can be paid. */
const grant = "+1000000.00"
/** Three credits to a debit. */
const amounts = ["+1.50", "+12.25", "+0.75", "-0.25"] as const

export type BenchAdjustment = { readonly userId: string; readonly amount: string }

/** Draws adjustments for a population without end. */
export function drawAdjustments(population: Population, seed: number): () => BenchAdjustment {
  const { users, pick } = population
  const random = createSeededRandom(seed)
  const zipf = pick === "zipf" ? createZipf(users, zipfExponent) : undefined
  let drawn = 0
  const next = (): number => {
    switch (pick) {
      case "uniform":
        return random.between(0, users - 1)
      case "zipf":
        // Ranks are dealt over the ids, so that neighbours in the index are not neighbours in traffic.
        return ((zipf?.(random.fraction()) ?? 0) * 7_919) % users
      case "hot":
        return 0
      case "each":
        return drawn % users
    }
  }
  return () => {
    const userId = userName(next())
    const amount = pick === "each" ? grant : (amounts[drawn % amounts.length] ?? amounts[0])
    drawn += 1
    return { userId, amount }
  }
}

/** As in a seeded log. */
export function userName(index: number): string {
  return `user-${index}`
}

/** The adjustment as a caller writes it, with all that the product stores, checks and hashes. */
export function adjustmentJson({ userId, amount }: BenchAdjustment): string {
  return `{"user_id":"${userId}","token_symbol":"CPOP","amount":"${amount}","reason_type":"reward","reason_detail":"Daily activity","metadata":{"activity_id":"spring_2026","reward_tier":"gold"}}`
}

/** How many adjustments are built before the clock runs: their operations are sent again and again, under new ids. */
export const prebuiltMax = 200_000

/** @returns what gives the items in turn, without end; `build` makes one where there are none */
export function takeTurns<Item>(items: readonly Item[], build: () => Item): () => Item {
  let taken = 0
  return () => {
    taken += 1
    return items[taken % items.length] ?? build()
  }
}

/** Operation ids that no run has used before and no other process of this one uses. */
export function operationIds(): () => string {
  const run = `${Date.now().toString(36)}-${process.pid.toString(36)}`
  let made = 0
  return () => {
    made += 1
    return `bench-${run}-${String(made).padStart(9, "0")}`
  }
}

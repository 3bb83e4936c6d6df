import { expect, test } from "vitest"
import { expectOutcomes } from "../../demo/expect-outcomes.ts"
import { generateStream } from "../../demo/generate-stream.ts"
import type { StreamOperation } from "../../demo/stream-operation.ts"

const shape = { seed: 5, adjustments: 8_000, users: 500, quiet: 200, tokenSymbol: "CPOP" }
const keys = ["activity_id", "reward_type", "streak_days", "service_type", "service_id", "order_id"]
const allowed = new Set([...keys, "refund_reason", "settlement_id"])
const reasons = ["reward", "daily_checkin", "consumption", "refund", "settlement"]
const rules = { decimals: 18, reasons: new Map(reasons.map((reason) => [reason, allowed])) }

function perUser(operations: readonly StreamOperation[]): number[] {
  const counts = new Map<string, number>()
  for (const { user_id: id } of operations.flatMap(({ adjustments }) => adjustments))
    counts.set(id, (counts.get(id) ?? 0) + 1)
  return [...counts.values()].sort((a, b) => b - a)
}

test("the same seed gives the same day, another seed another one", () => {
  const day = JSON.stringify([...generateStream(shape)])
  expect(JSON.stringify([...generateStream(shape)])).toBe(day)
  expect(JSON.stringify([...generateStream({ ...shape, seed: 6 })])).not.toBe(day)
})

test("a day has exactly the adjustments and users that were asked for, each operation once, and begins quietly", () => {
  const day = [...generateStream(shape)]
  expect(day.flatMap(({ adjustments }) => adjustments)).toHaveLength(8_000)
  expect(perUser(day)).toHaveLength(500)
  expect(new Set(day.map(({ operation_id: id }) => id)).size).toBe(day.length)
  expect(day.slice(0, 200).every(({ adjustments }) => adjustments.length === 1)).toBe(true)
})

test("activity is Zipf's: the k-th busiest user has about a k-th of the busiest one's", () => {
  const counts = perUser([...generateStream({ ...shape, adjustments: 60_000 })])
  const [busiest = 0] = counts
  for (const rank of [2, 5, 10, 20]) {
    const share = ((counts[rank - 1] ?? 0) * rank) / busiest
    expect(share).toBeGreaterThan(0.8)
    expect(share).toBeLessThan(1.3)
  }
})

test("rewards, spends, refunds, and a few of each refusal, also in a day of another seed", () => {
  for (const seed of [1, 2, 3]) {
    const day = [...generateStream({ ...shape, seed })]
    const used = new Set(day.flatMap(({ adjustments }) => adjustments.map((item) => item.reason_type)))
    expect(reasons.every((reason) => used.has(reason))).toBe(true)
    const refused = [...expectOutcomes(day, rules).outcomes.values()].flatMap((outcome) =>
      outcome.accepted ? [] : [outcome.code],
    )
    expect(new Set(refused)).toEqual(
      new Set(["INSUFFICIENT_BALANCE", "INVALID_AMOUNT", "METADATA_NOT_ALLOWED", "UNKNOWN_REASON"]),
    )
    expect(refused.length).toBeLessThan(day.length / 30)
  }
})

test("the bookkeeping: all of an operation or nothing, in the order of its items, never below zero", () => {
  const operation = (id: string, ...changes: [string, string][]): StreamOperation => ({
    operation_id: id,
    adjustments: changes.map(([user, amount]) => ({
      user_id: user,
      token_symbol: "CPOP",
      amount,
      reason_type: "reward",
    })),
  })
  const { outcomes, balances } = expectOutcomes(
    [
      operation("1", ["a", "+1.5"], ["b", "+2"]),
      operation("2", ["a", "-1"], ["b", "-2.000000000000000001"]),
      operation("3", ["b", "-2"], ["a", "+2"], ["a", "-3.50"]),
      operation("4", ["a", "-0.000000000000000001"]),
      operation("5", ["a", "1"]),
      operation("6", ["a", "+0.0000000000000000001"]),
    ],
    rules,
  )
  const seen = [...outcomes.values()].map((outcome) => (outcome.accepted ? "accepted" : outcome.code))
  expect(seen).toEqual([
    "accepted",
    "INSUFFICIENT_BALANCE",
    "accepted",
    "INSUFFICIENT_BALANCE",
    "INVALID_AMOUNT",
    "INVALID_AMOUNT",
  ])
  expect(balances).toEqual(
    new Map([
      ["a", 0n],
      ["b", 0n],
    ]),
  )
})

import { describe, expect, test } from "vitest"
import { type AccountBalance, type Adjustment, accountKey, decideAdjustBalance } from "./adjust-balance.ts"
import { amountLimit } from "./amount.ts"

const adjustment = (userId: string, amountBaseUnits: bigint): Adjustment => ({
  ...{
    userId,
    tokenId: 1,
    amountBaseUnits,
    reasonType: "reward",
    businessType: "reward",
    priority: "normal",
  },
  ...{ isImmediate: false, maxWaitMs: null, reasonDetail: null, metadata: {} },
})

/** Decides changes of one user each against what ann has. */
function decide(
  changes: readonly (readonly [user: string, amount: bigint])[],
  ann?: Partial<AccountBalance>,
) {
  const balance = { pending: 0n, confirmed: 0n, locked: 0n, ...ann }
  const decided = decideAdjustBalance(
    { adjustments: changes.map(([user, amount]) => adjustment(user, amount)) },
    (key) => (ann !== undefined && key === accountKey("ann", 1) ? balance : undefined),
  )
  return "refused" in decided ? decided : decided.decisions.map(({ balanceAfter }) => balanceAfter)
}

describe("a debit", () => {
  test.each([
    [100n, 0n, -100n, [0n]],
    [100n, 0n, -101n, 100n],
    [100n, 40n, -60n, [40n]],
    [100n, 40n, -61n, 60n],
    [40n, 40n, -1n, 0n],
    // The chain has taken more than there is.
    [30n, 40n, -1n, 0n],
    [-5n, 0n, -1n, 0n],
  ])("with %s pending and %s locked, of %s", (pending, locked, amount, expected) => {
    expect(decide([["ann", amount]], { pending, locked })).toEqual(
      Array.isArray(expected)
        ? expected
        : { refused: "INSUFFICIENT_BALANCE", index: 0, availableBaseUnits: expected },
    )
  })

  test("is paid from what came before it in the same operation, and from nothing that comes behind it", () => {
    expect(
      decide([
        ["ann", 5n],
        ["bob", 1n],
        ["ann", -5n],
      ]),
    ).toEqual([5n, 1n, 0n])
    expect(
      decide([
        ["bob", 1n],
        ["ann", -5n],
        ["ann", 5n],
      ]),
    ).toEqual({ refused: "INSUFFICIENT_BALANCE", index: 1, availableBaseUnits: 0n })
  })
})

test("a credit is welcome on an account that owes, or that holds more than it has", () => {
  expect(decide([["ann", 1n]], { pending: -5n })).toEqual([-4n])
  expect(decide([["ann", 1n]], { pending: 3n, locked: 10n })).toEqual([4n])
})

test("a balance stays below its limit, on both sides", () => {
  expect(decide([["ann", 1n]], { pending: amountLimit - 2n })).toEqual([amountLimit - 1n])
  expect(decide([["ann", 1n]], { pending: amountLimit - 1n })).toEqual({
    refused: "BALANCE_OUT_OF_RANGE",
    index: 0,
  })
  // A debit that leaves what is locked, however little that is.
  const locked = -amountLimit * 2n
  expect(decide([["ann", -1n]], { pending: 2n - amountLimit, locked })).toEqual([1n - amountLimit])
  expect(decide([["ann", -1n]], { pending: 1n - amountLimit, locked })).toEqual({
    refused: "BALANCE_OUT_OF_RANGE",
    index: 0,
  })
})

test("what is confirmed stays as it is", () => {
  const decided = decideAdjustBalance({ adjustments: [adjustment("ann", -3n)] }, () => ({
    ...{ pending: 10n, confirmed: 7n, locked: 0n },
  }))
  expect(decided).toMatchObject({ decisions: [{ balanceAfter: 7n, confirmedAfter: 7n }] })
})

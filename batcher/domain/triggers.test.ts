import { describe, expect, it } from "vitest"
import type { AccountFold } from "./fold.ts"
import { foldedAccount, foldedAccounts, sampleStrategy } from "./sample-plans.ts"
import { decideTrigger, type TriggerInput } from "./triggers.ts"

function decide(
  nets: readonly AccountFold[],
  more: Partial<TriggerInput> = {},
  zeros: readonly AccountFold[] = [],
) {
  return decideTrigger({
    nets,
    zeros,
    strategy: sampleStrategy,
    sizeWanted: 25,
    baseFee: null,
    flushRequestedAtMs: null,
    nowMs: 500,
    ...more,
  })
}

const urgent = { isUrgent: true, priority: 3 }

describe("decideTrigger", () => {
  it("waits as long as nothing is due", () => {
    expect(decide([])).toBeNull()
    expect(decide([foldedAccount({ deadlineMs: 501 })])).toBeNull()
  })

  it("goes at the wanted size, counted in recipients", () => {
    expect(decide(foldedAccounts(24))).toBeNull()
    expect(decide(foldedAccounts(25))).toBe("size")
    expect(decide(foldedAccounts(24), {}, foldedAccounts(10, { net: 0n }))).toBeNull()
  })

  it("goes when more than the threshold waits, credits, debits and what cancels out alike", () => {
    expect(decide(foldedAccounts(10, { gross: 100n }))).toBeNull()
    expect(decide(foldedAccounts(10, { gross: 101n, net: -101n }))).toBe("value_threshold")
    const zeros = foldedAccounts(1, { gross: 901n, net: 0n })
    expect(decide(foldedAccounts(10, { gross: 10n }), {}, zeros)).toBe("value_threshold")
  })

  it("goes while the base fee is below the floor, where one is set and the fee is known", () => {
    const strategy = { ...sampleStrategy, gasPriceFloorWei: 100n }
    expect(decide(foldedAccounts(10), { strategy, baseFee: 99n })).toBe("gas_price")
    expect(decide(foldedAccounts(10), { strategy, baseFee: 100n })).toBeNull()
    expect(decide(foldedAccounts(10), { strategy })).toBeNull()
    expect(decide(foldedAccounts(10), { baseFee: 1n })).toBeNull()
  })

  it("holds size, value and gas price back below the smallest batch, and only these", () => {
    const eager = {
      sizeWanted: 5,
      baseFee: 1n,
      strategy: { ...sampleStrategy, gasPriceFloorWei: 100n },
    }
    expect(decide(foldedAccounts(9, { gross: 10_000n }), eager)).toBeNull()
    expect(decide(foldedAccounts(10, { gross: 10_000n }), eager)).toBe("size")
    expect(decide(foldedAccounts(1, urgent))).toBe("priority")
    expect(decide(foldedAccounts(1, { deadlineMs: 500 }))).toBe("max_wait_time")
    expect(decide(foldedAccounts(1), { flushRequestedAtMs: 0 })).toBe("flush")
  })

  it("flushes what was there when it was asked for", () => {
    expect(decide([foldedAccount({ oldestMs: 200 })], { flushRequestedAtMs: 199 })).toBeNull()
    expect(decide([foldedAccount({ oldestMs: 200 })], { flushRequestedAtMs: 200 })).toBe("flush")
  })

  it("lets what cancels out go by deadline, urgency and flush too", () => {
    expect(decide([], {}, [foldedAccount({ net: 0n, deadlineMs: 500 })])).toBe("max_wait_time")
    expect(decide([], {}, [foldedAccount({ net: 0n, ...urgent })])).toBe("priority")
    expect(decide([], {}, [foldedAccount({ net: 0n })])).toBeNull()
  })
})

import { describe, expect, it } from "vitest"
import type { BatchStrategy } from "./batch-strategy.ts"
import type { AccountFold } from "./fold.ts"
import { decideTrigger, type TriggerInput } from "./triggers.ts"

const strategy: BatchStrategy = {
  name: "adaptive",
  optimalSize: 25,
  sizeMax: 40,
  sizeMin: 10,
  valueThresholdBaseUnits: 1_000n,
  networkSizes: { low: 35, medium: 25, high: 15 },
  retriesMax: 5,
  retryIntervalMs: 60_000,
  feeBufferPercent: 15,
  pendingAlarmMs: 600_000,
}

function account(more: Partial<AccountFold> = {}): AccountFold {
  return {
    accountId: 1n,
    net: 1n,
    gross: 1n,
    positions: [1n],
    priority: 1,
    isUrgent: false,
    deadlineMs: 1_000,
    oldestMs: 0,
    ...more,
  }
}

function accounts(count: number, more: Partial<AccountFold> = {}): AccountFold[] {
  return Array.from({ length: count }, (_, index) => account({ accountId: BigInt(index + 1), ...more }))
}

function decide(
  nets: readonly AccountFold[],
  more: Partial<TriggerInput> = {},
  zeros: readonly AccountFold[] = [],
) {
  return decideTrigger({
    fold: { nets, zeros, heldAccountIds: [] },
    strategy,
    sizeWanted: 25,
    flushRequestedAtMs: null,
    nowMs: 500,
    ...more,
  })
}

describe("decideTrigger", () => {
  it("waits for the earliest deadline, and for nothing when nothing waits", () => {
    expect(decide([])).toEqual({ trigger: null, nextDeadlineMs: null })
    expect(decide([account({ deadlineMs: 900 }), account({ deadlineMs: 800 })])).toEqual({
      trigger: null,
      nextDeadlineMs: 800,
    })
  })

  it("goes at the wanted size, counted in recipients", () => {
    expect(decide(accounts(24))).toMatchObject({ trigger: null })
    expect(decide(accounts(25))).toEqual({ trigger: "size", sizeWanted: 25 })
    expect(decide(accounts(24), {}, accounts(10, { net: 0n }))).toMatchObject({ trigger: null })
  })

  it("goes when more than the threshold waits, credits and debits alike, if the batch is worth it", () => {
    expect(decide(accounts(10, { gross: 100n }))).toMatchObject({ trigger: null })
    expect(decide(accounts(10, { gross: 101n, net: -101n }))).toMatchObject({ trigger: "value_threshold" })
    expect(decide(accounts(9, { gross: 10_000n }))).toMatchObject({ trigger: null })
  })

  it("holds the size trigger back below the smallest batch, and only that", () => {
    const small = { sizeWanted: 5 }
    expect(decide(accounts(9), small)).toMatchObject({ trigger: null })
    expect(decide(accounts(1, { isUrgent: true }))).toMatchObject({ trigger: "priority" })
    expect(decide(accounts(1, { deadlineMs: 500 }))).toMatchObject({ trigger: "max_wait_time" })
    expect(decide(accounts(1), { flushRequestedAtMs: 0 })).toMatchObject({ trigger: "flush" })
  })

  it("flushes what was there when it was asked for", () => {
    expect(decide([account({ oldestMs: 200 })], { flushRequestedAtMs: 199 })).toMatchObject({ trigger: null })
    expect(decide([account({ oldestMs: 200 })], { flushRequestedAtMs: 200 })).toMatchObject({
      trigger: "flush",
    })
  })

  it("lets what cancels out go by deadline, urgency and flush too", () => {
    expect(decide([], {}, [account({ net: 0n, deadlineMs: 500 })])).toMatchObject({
      trigger: "max_wait_time",
    })
    expect(decide([], {}, [account({ net: 0n })])).toEqual({ trigger: null, nextDeadlineMs: 1_000 })
  })
})

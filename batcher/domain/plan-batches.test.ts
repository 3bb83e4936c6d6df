import fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { FeeMarket } from "./congestion.ts"
import { foldChanges, type WaitingChange } from "./fold.ts"
import { type Plan, type PlanInput, planBatches } from "./plan-batches.ts"
import { foldedAccounts, sampleStrategy } from "./sample-plans.ts"
import { traitsOf } from "./settlement-modes.ts"

const settle = traitsOf("settle")
const mintBurn = traitsOf("batch-mint-burn")
const costStrategy = { ...sampleStrategy, name: "cost", optimalSize: 100, sizeMax: 500 } as const
const calm: FeeMarket = {
  congestion: "medium",
  baseFee: 1_000n,
  baseFeePercent: 100,
  blockGasLimit: 60_000_000n,
}
const urgent = { isUrgent: true, priority: 3 }

function plan(more: Partial<PlanInput>): Plan {
  return planBatches({
    fold: { nets: [], zeros: [] },
    mode: settle,
    strategy: sampleStrategy,
    market: calm,
    flushRequestedAtMs: null,
    nowMs: 500,
    room: 1_000,
    isMoreBehind: false,
    ...more,
  })
}

function shape({ batches }: Plan) {
  return batches.map(({ trigger, sizeWanted, nets }) => [trigger, sizeWanted, nets.length])
}

describe("planBatches", () => {
  it("waits for the earliest deadline, and for nothing when nothing waits", () => {
    expect(plan({})).toEqual({ batches: [], endedBy: "nothing_due", nextDeadlineMs: null })
    const nets = [...foldedAccounts(1, { deadlineMs: 900 }), ...foldedAccounts(1, { deadlineMs: 800 }, 2)]
    expect(plan({ fold: { nets, zeros: [] } }).nextDeadlineMs).toBe(800)
    const zeros = foldedAccounts(1, { deadlineMs: 700, net: 0n }, 3)
    expect(plan({ fold: { nets, zeros } }).nextDeadlineMs).toBe(700)
  })

  it("wants what the congestion says, and the middle where it is not known", () => {
    const fold = { nets: foldedAccounts(40), zeros: [] }
    expect(shape(plan({ fold, market: { ...calm, congestion: "low" } }))).toEqual([["size", 35, 40]])
    expect(shape(plan({ fold, market: { ...calm, congestion: "high" } }))).toEqual([["size", 15, 40]])
    expect(shape(plan({ fold, market: null }))).toEqual([["size", 25, 40]])
  })

  it("sends a long queue at full size at once, under either strategy", () => {
    const fold = { nets: foldedAccounts(10_000), zeros: [] }
    const adaptive = plan({ fold, market: { ...calm, congestion: "high" } })
    expect(adaptive.batches).toHaveLength(250)
    expect(new Set(adaptive.batches.map(({ nets }) => nets.length))).toEqual(new Set([40]))
    const cost = plan({ fold, strategy: costStrategy })
    expect(cost.batches.map(({ nets }) => nets.length)).toEqual(Array.from({ length: 20 }, () => 500))
  })

  it("keeps within the room there is, and within half a block of the chain", () => {
    const fold = { nets: foldedAccounts(1_000), zeros: [] }
    expect(plan({ fold, room: 3 })).toMatchObject({ endedBy: "room", batches: [{}, {}, {}] })
    const small = { ...calm, blockGasLimit: 4_000_000n }
    expect(shape(plan({ fold, room: 2, strategy: costStrategy, market: small }))).toMatchObject([
      ["size", expect.any(Number), 237],
      ["size", expect.any(Number), 237],
    ])
  })

  it("leaves the rest of a page for the next one, unless it is all there is", () => {
    const fold = { nets: foldedAccounts(70), zeros: [] }
    expect(shape(plan({ fold }))).toEqual([
      ["size", 25, 40],
      ["size", 25, 30],
    ])
    expect(plan({ fold, isMoreBehind: true })).toMatchObject({ endedBy: "more_behind", batches: [{}] })
    const short = { nets: foldedAccounts(30), zeros: [] }
    expect(shape(plan({ fold: short, isMoreBehind: true }))).toEqual([["size", 25, 30]])
  })

  it("takes with the urgent what makes a small batch, and all of what would go anyway", () => {
    const withCompany = (company: number) => ({
      nets: [...foldedAccounts(1, urgent), ...foldedAccounts(company, {}, 2)],
      zeros: [],
    })
    expect(shape(plan({ fold: withCompany(0) }))).toEqual([["priority", 20, 1]])
    expect(shape(plan({ fold: withCompany(24) }))).toEqual([["priority", 20, 20]])
    expect(shape(plan({ fold: withCompany(25) }))).toEqual([["priority", 20, 26]])
    const manyUrgent = { nets: [...foldedAccounts(23, urgent), ...foldedAccounts(5, {}, 24)], zeros: [] }
    expect(shape(plan({ fold: manyUrgent }))).toEqual([["priority", 20, 23]])
  })

  it("lets what cancels out go without a transaction, and takes no room for it", () => {
    const zeros = foldedAccounts(2_500, { net: 0n, deadlineMs: 400 })
    const only = plan({ fold: { nets: [], zeros }, room: 1 })
    expect(only.batches.map((batch) => [batch.nets.length, batch.zeros.length])).toEqual([
      [0, 1_000],
      [0, 1_000],
      [0, 500],
    ])
  })

  it("goes for a low gas price where the chain has one", () => {
    const fold = { nets: foldedAccounts(10), zeros: [] }
    const strategy = { ...sampleStrategy, gasPriceFloorWei: 2_000n }
    expect(shape(plan({ fold, strategy }))).toEqual([["gas_price", 25, 10]])
    expect(shape(plan({ fold, strategy, market: { ...calm, baseFee: 0n } }))).toEqual([])
    expect(shape(plan({ fold, strategy, market: null }))).toEqual([])
  })
})

const changesArbitrary = fc
  .array(
    fc.record({
      accountId: fc.integer({ min: 1, max: 200 }),
      amount: fc.integer({ min: -3, max: 3 }).filter((amount) => amount !== 0),
      priority: fc.integer({ min: 0, max: 3 }),
      isImmediate: fc.boolean(),
      waitsMs: fc.integer({ min: 0, max: 2_000 }),
    }),
    { maxLength: 600 },
  )
  .map((rows) =>
    rows.map(
      ({ accountId, amount, waitsMs, ...more }, index): WaitingChange => ({
        position: BigInt(index + 1),
        accountId: BigInt(accountId),
        amount: BigInt(amount),
        deadline: new Date(index + waitsMs),
        recordedAt: new Date(index),
        ...more,
      }),
    ),
  )

describe("where a call cannot hold both credits and debits", () => {
  const debit = { net: -1n }
  it("plans each kind by itself, whichever has waited longer first", () => {
    const fold = {
      nets: [...foldedAccounts(1, { ...debit, oldestMs: 1 }), ...foldedAccounts(30, { oldestMs: 2 }, 2)],
      zeros: foldedAccounts(1, { net: 0n }, 50),
    }
    const calls = ({ batches }: Plan) =>
      batches.map(({ batchCall, nets, zeros }) => [batchCall, nets.length, zeros.length])
    expect(calls(plan({ fold, mode: mintBurn }))).toEqual([["batch_mint", 30, 1]])
    expect(calls(plan({ fold, mode: mintBurn, flushRequestedAtMs: 10 }))).toEqual([
      ["batch_burn", 1, 0],
      ["batch_mint", 30, 1],
    ])
    expect(calls(plan({ fold, mode: mintBurn, flushRequestedAtMs: 10, room: 1 }))).toEqual([
      ["batch_burn", 1, 0],
    ])
    const hurried = { ...fold, nets: [...foldedAccounts(1, urgent, 99), ...fold.nets] }
    expect(calls(plan({ fold: hurried, mode: mintBurn, flushRequestedAtMs: 10 }))[0]).toEqual([
      "batch_mint",
      31,
      1,
    ])
  })

  it("leaves one kind for the next page, and not the other one with it", () => {
    const fold = {
      nets: [...foldedAccounts(80), ...foldedAccounts(30, { ...debit, oldestMs: 1 }, 100)],
      zeros: [],
    }
    expect(plan({ fold, mode: mintBurn, isMoreBehind: true })).toMatchObject({
      endedBy: "more_behind",
      batches: [{ batchCall: "batch_mint" }, { batchCall: "batch_mint" }],
    })
  })
})

describe("any plan of any queue", () => {
  const inputs = fc.record({
    mode: fc.constantFrom(settle, mintBurn),
    changes: changesArbitrary,
    isCost: fc.boolean(),
    room: fc.integer({ min: 1, max: 20 }),
    nowMs: fc.integer({ min: 0, max: 3_000 }),
    flushAtMs: fc.option(fc.integer({ min: 0, max: 700 })),
    isMoreBehind: fc.boolean(),
    market: fc.option(
      fc.record({
        congestion: fc.constantFrom("low" as const, "medium" as const, "high" as const),
        baseFee: fc.bigInt({ min: 0n, max: 10n }),
        baseFeePercent: fc.integer({ min: 0, max: 300 }),
        blockGasLimit: fc.bigInt({ min: 1n, max: 60_000_000n }),
      }),
    ),
  })

  it("settles each account whole, in one batch at most, within the room, the urgent first", () => {
    fc.assert(
      fc.property(inputs, ({ mode, changes, isCost, room, nowMs, flushAtMs, isMoreBehind, market }) => {
        const fold = foldChanges(
          changes,
          () => false,
          () => 1n,
        )
        const strategy = isCost ? costStrategy : sampleStrategy
        const made = planBatches({
          fold,
          mode,
          strategy,
          market,
          flushRequestedAtMs: flushAtMs,
          nowMs,
          room,
          isMoreBehind,
        })
        const nets = made.batches.flatMap((batch) => batch.nets)
        const zeros = made.batches.flatMap((batch) => batch.zeros)
        // Whole accounts and none twice: what is taken by each call is the head of what the fold has for it.
        for (const call of new Set([mode.credits, mode.debits])) {
          const isOf = ({ net }: { net: bigint }) => (net > 0n ? mode.credits : mode.debits) === call
          const taken = made.batches
            .filter(({ batchCall }) => batchCall === call)
            .flatMap((batch) => batch.nets)
          expect(taken).toEqual(fold.nets.filter(isOf).slice(0, taken.length))
          const isUrgent = taken.map((account) => account.isUrgent)
          expect(isUrgent).toEqual([...isUrgent].sort((a, b) => Number(b) - Number(a)))
        }
        expect(zeros).toEqual(fold.zeros.slice(0, zeros.length))
        expect(made.batches.filter((batch) => batch.nets.length > 0).length).toBeLessThanOrEqual(room)
        for (const batch of made.batches) {
          expect(batch.nets.length + batch.zeros.length).toBeGreaterThan(0)
          expect(batch.nets.length).toBeLessThanOrEqual(strategy.sizeMax)
          expect(batch.nets.every(({ net }) => net !== 0n)).toBe(true)
          expect(batch.zeros.every(({ net }) => net === 0n)).toBe(true)
        }
        if (made.endedBy !== "nothing_due") return
        const left = [
          ...fold.nets.filter((account) => !nets.includes(account)),
          ...fold.zeros.slice(zeros.length),
        ]
        for (const account of left) {
          expect(account.isUrgent).toBe(false)
          expect(account.deadlineMs).toBeGreaterThan(nowMs)
          if (flushAtMs !== null) expect(account.oldestMs).toBeGreaterThan(flushAtMs)
        }
      }),
    )
  })

  it("has full batches but for the last, however long the queue", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 64 }),
        (count, isCost, room) => {
          const strategy = isCost ? costStrategy : sampleStrategy
          const { batches } = plan({ fold: { nets: foldedAccounts(count), zeros: [] }, strategy, room })
          for (const batch of batches.slice(0, -1)) expect(batch.nets.length).toBe(strategy.sizeMax)
        },
      ),
      { numRuns: 50 },
    )
  })
})

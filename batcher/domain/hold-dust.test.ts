import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { foldChanges, type WaitingChange } from "./fold.ts"
import { type DustInput, holdDust } from "./hold-dust.ts"

const rule = { thresholdBaseUnits: 10n, maxWaitMs: 10_000 }
const maxWaitMs = 1_000

type Row = readonly [
  atMs: number,
  accountId: number,
  amount: number,
  more?: { waitMs?: number; priority?: number },
]

function changesOf(rows: readonly Row[]): WaitingChange[] {
  return rows.map(([atMs, accountId, amount, more], index) => ({
    position: BigInt(index + 1),
    accountId: BigInt(accountId),
    amount: BigInt(amount),
    priority: more?.priority ?? 1,
    isImmediate: false,
    deadline: new Date(atMs + (more?.waitMs ?? maxWaitMs)),
    recordedAt: new Date(atMs),
  }))
}

function hold(rows: readonly Row[], more: Partial<DustInput> = {}, confirmed = 0n) {
  const changes = changesOf(rows)
  const { nets } = foldChanges(
    changes,
    () => false,
    () => confirmed,
    maxWaitMs,
  )
  return holdDust({
    rule,
    changes,
    nets,
    isUnknownToChain: () => true,
    maxWaitMs,
    flushRequestedAtMs: null,
    nowMs: 5_000,
    ...more,
  })
}

const ids = (accounts: readonly { accountId: bigint }[]) => accounts.map(({ accountId }) => Number(accountId))

describe("holdDust", () => {
  it("holds small credits of accounts that are new to the chain, and no others", () => {
    const rows: Row[] = [
      [0, 1, 9],
      [0, 2, 10],
      [0, 3, 9, { priority: 2 }],
    ]
    const { nets, held } = hold(rows)
    expect(held).toEqual([{ accountId: 1n, lastPosition: 1n, untilMs: 10_000, isNotedSooner: true }])
    expect(ids(nets)).toEqual([3, 2])
    expect(hold(rows, { isUnknownToChain: () => false }).held).toEqual([])
    expect(hold(rows, {}, 1n).held).toEqual([])
  })

  it("lets them go when they are worth their slot, and then waits for company from there on", () => {
    const rows: Row[] = [
      [0, 1, 6],
      [4_500, 1, 6],
    ]
    const { nets, held } = hold(rows)
    expect(held).toEqual([])
    expect(nets).toMatchObject([{ net: 12n, deadlineMs: 5_500 }])
    expect(ids(hold([...rows, [4_600, 1, -3]]).held)).toEqual([1])
  })

  it("lets them go at the end of the rule's time, at the time that a request asked for, and at a flush", () => {
    expect(ids(hold([[0, 1, 1]], { nowMs: 9_999 }).held)).toEqual([1])
    expect(ids(hold([[0, 1, 1]], { nowMs: 10_000 }).held)).toEqual([])
    const asked: Row[] = [
      [0, 1, 1],
      [4_900, 1, 1, { waitMs: 300 }],
    ]
    expect(hold(asked, { nowMs: 5_199 }).held).toMatchObject([{ untilMs: 5_200 }])
    expect(hold(asked, { nowMs: 5_200 }).held).toEqual([])
    expect(hold([[3_000, 1, 1]], { flushRequestedAtMs: 3_000 }).held).toEqual([])
    expect(ids(hold([[3_000, 1, 1]], { flushRequestedAtMs: 2_999 }).held)).toEqual([1])
  })

  it("says when nothing sooner is noted any more", () => {
    expect(hold([[0, 1, 1, { waitMs: 10_000 }]]).held).toMatchObject([{ isNotedSooner: false }])
  })

  it("loses and splits nothing, holds nothing that is urgent, and nothing past its time", () => {
    const row = fc.tuple(
      fc.integer({ min: 0, max: 20_000 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: -5, max: 8 }).filter((amount) => amount !== 0),
      fc.record({ waitMs: fc.integer({ min: 0, max: maxWaitMs }), priority: fc.integer({ min: 0, max: 3 }) }),
    )
    fc.assert(
      fc.property(
        fc.array(row, { maxLength: 40 }),
        fc.integer({ min: 0, max: 40_000 }),
        fc.option(fc.integer({ min: 0, max: 20_000 })),
        (unsorted, nowMs, flushRequestedAtMs) => {
          const rows = [...unsorted].sort(([a], [b]) => a - b)
          const changes = changesOf(rows)
          const fold = foldChanges(
            changes,
            () => false,
            () => 0n,
            maxWaitMs,
          )
          const { nets, held } = hold(rows, { nowMs, flushRequestedAtMs })
          expect([...ids(nets), ...ids(held)].sort()).toEqual(ids(fold.nets).sort())
          const kept = ids(nets)
          expect(kept).toEqual(ids(fold.nets).filter((id) => kept.includes(id)))
          for (const { accountId, net, positions } of nets)
            expect({ net, positions }).toEqual(
              fold.nets.flatMap((each) =>
                each.accountId === accountId ? { net: each.net, positions: each.positions } : [],
              )[0],
            )
          for (const { accountId, untilMs } of held) {
            const own = changes.filter((each) => each.accountId === accountId)
            expect(untilMs).toBeGreaterThan(nowMs)
            expect(own.every(({ priority }) => priority < 2)).toBe(true)
            for (const { deadline, recordedAt } of own) {
              expect(untilMs).toBeLessThanOrEqual(recordedAt.getTime() + rule.maxWaitMs)
              if (deadline.getTime() - recordedAt.getTime() < maxWaitMs)
                expect(untilMs).toBeLessThanOrEqual(deadline.getTime())
            }
          }
        },
      ),
    )
  })
})

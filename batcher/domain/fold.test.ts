import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type AccountFold, type Fold, foldChanges, type WaitingChange } from "./fold.ts"

const start = new Date("2026-01-01T00:00:00.000Z").getTime()

function change(
  position: number,
  accountId: number,
  amount: bigint,
  more: Partial<WaitingChange> = {},
): WaitingChange {
  return {
    position: BigInt(position),
    accountId: BigInt(accountId),
    amount,
    priority: 1,
    isImmediate: false,
    deadline: new Date(start + position * 1_000 + 60_000),
    recordedAt: new Date(start + position * 1_000),
    ...more,
  }
}

const free = () => false
const none = () => 0n

describe("foldChanges", () => {
  it("makes one net per account, with the positions that it settles", () => {
    const { nets, zeros } = foldChanges([change(1, 7, 10n), change(2, 8, 5n), change(3, 7, -4n)], free, none)
    expect(
      nets.map(({ accountId, net, gross, positions }) => ({ accountId, net, gross, positions })),
    ).toEqual([
      { accountId: 7n, net: 6n, gross: 14n, positions: [1n, 3n] },
      { accountId: 8n, net: 5n, gross: 5n, positions: [2n] },
    ])
    expect(zeros).toEqual([])
  })

  it("sets apart what cancels out", () => {
    const { nets, zeros } = foldChanges([change(1, 7, 10n), change(2, 7, -10n)], free, none)
    expect(nets).toEqual([])
    expect(zeros).toMatchObject([{ accountId: 7n, net: 0n, positions: [1n, 2n] }])
  })

  it("leaves accounts of another batch and debits that the chain cannot pay yet waiting", () => {
    const changes = [change(1, 7, 10n), change(2, 8, -5n), change(3, 9, -5n)]
    const fold = foldChanges(
      changes,
      (id) => id === 7n,
      (id) => (id === 9n ? 5n : 4n),
    )
    expect(fold.heldAccountIds).toEqual([7n, 8n])
    expect(fold.nets).toMatchObject([{ accountId: 9n, net: -5n }])
  })

  it("puts the urgent first, then the oldest", () => {
    const changes = [
      change(1, 1, 1n, { priority: 0 }),
      change(2, 2, 1n),
      change(3, 3, 1n, { priority: 2 }),
      change(4, 4, 1n, { isImmediate: true, priority: 0 }),
      change(5, 5, 1n, { priority: 3 }),
    ]
    expect(foldChanges(changes, free, none).nets.map(({ accountId }) => accountId)).toEqual([
      4n,
      5n,
      3n,
      1n,
      2n,
    ])
  })
})

const changesArbitrary = fc
  .array(
    fc.record({
      accountId: fc.integer({ min: 1, max: 8 }),
      amount: fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }).filter((amount) => amount !== 0n),
      priority: fc.integer({ min: 0, max: 3 }),
      isImmediate: fc.boolean(),
    }),
    { maxLength: 60 },
  )
  .map((rows) =>
    rows.map(({ accountId, amount, ...more }, index) => change(index + 1, accountId, amount, more)),
  )

function sums(changes: readonly WaitingChange[]): Map<bigint, bigint> {
  const totals = new Map<bigint, bigint>()
  for (const { accountId, amount } of changes) totals.set(accountId, (totals.get(accountId) ?? 0n) + amount)
  return totals
}

function settledBy(fold: Fold): readonly AccountFold[] {
  return [...fold.nets, ...fold.zeros]
}

describe("the law of the fold", () => {
  it("conserves every account's sum, and settles each change of an account or none of them", () => {
    fc.assert(
      fc.property(
        changesArbitrary,
        fc.func(fc.boolean()),
        fc.func(fc.bigInt({ min: 0n, max: 2n ** 200n })),
        (changes, isBusy, confirmedOf) => {
          const fold = foldChanges(changes, isBusy, confirmedOf)
          const totals = sums(changes)
          const accounts = settledBy(fold)
          for (const { accountId, net, positions } of accounts) {
            expect(net).toBe(totals.get(accountId))
            expect(positions).toEqual(
              changes.filter((each) => each.accountId === accountId).map(({ position }) => position),
            )
          }
          const seen = [...accounts.map(({ accountId }) => accountId), ...fold.heldAccountIds]
          expect(seen.sort()).toEqual([...totals.keys()].sort())
        },
      ),
    )
  })

  it("gives the same balances however the changes are grouped", () => {
    fc.assert(
      fc.property(
        changesArbitrary,
        fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 5 }),
        (changes, cuts) => {
          const bounds = [
            0,
            ...cuts.filter((cut) => cut <= changes.length).sort((a, b) => a - b),
            changes.length,
          ]
          const balances = new Map<bigint, bigint>()
          for (const [index, bound] of bounds.entries()) {
            const group = changes.slice(bounds[index - 1] ?? 0, bound)
            for (const { accountId, net } of settledBy(foldChanges(group, free, () => 2n ** 255n)))
              balances.set(accountId, (balances.get(accountId) ?? 0n) + net)
          }
          expect(balances).toEqual(sums(changes))
        },
      ),
    )
  })

  it("never lets a debit go before the chain can pay it", () => {
    fc.assert(
      fc.property(changesArbitrary, fc.bigInt({ min: 0n, max: 2n ** 201n }), (changes, confirmed) => {
        for (const { net } of foldChanges(changes, free, () => confirmed).nets)
          expect(confirmed + net).toBeGreaterThanOrEqual(0n)
      }),
    )
  })

  it("has nobody wait longer than is in force now, and never longer than he was promised", () => {
    const changes = [change(1, 7, 1n), change(2, 7, 1n), change(3, 8, 1n)]
    const deadlines = (maxWaitMs?: number) =>
      foldChanges(changes, free, none, maxWaitMs).nets.map(({ deadlineMs }) => deadlineMs - start)
    expect(deadlines()).toEqual([61_000, 63_000])
    expect(deadlines(10_000)).toEqual([11_000, 13_000])
    expect(deadlines(90_000)).toEqual([61_000, 63_000])
  })

  it("tells whose slot on chain is still empty", () => {
    const changes = [change(1, 1, 5n), change(2, 2, 5n), change(3, 3, -5n)]
    const { nets } = foldChanges(changes, free, (id) => (id === 1n ? 0n : 5n))
    expect(nets.map(({ isNewHolder }) => isNewHolder)).toEqual([true, false, false])
  })

  it("puts every urgent account before every other, whatever came first", () => {
    fc.assert(
      fc.property(changesArbitrary, (changes) => {
        const { nets } = foldChanges(changes, free, () => 2n ** 255n)
        const ranks = nets.map(({ priority, isUrgent }) => (isUrgent ? priority : 0))
        expect(ranks).toEqual([...ranks].sort((a, b) => b - a))
        for (const rank of new Set(ranks)) {
          const firsts = nets.filter((_, index) => ranks[index] === rank).map(({ positions }) => positions[0])
          expect(firsts).toEqual([...firsts].sort((a = 0n, b = 0n) => (a < b ? -1 : 1)))
        }
        for (const { accountId, priority, isUrgent } of nets) {
          const own = changes.filter((each) => each.accountId === accountId)
          expect(isUrgent).toBe(own.some((each) => each.isImmediate || each.priority >= 2))
          expect(priority).toBe(Math.max(...own.map((each) => (each.isImmediate ? 3 : each.priority))))
        }
      }),
    )
  })
})

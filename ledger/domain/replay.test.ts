import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { beginLog } from "./test-log.ts"

const move = fc.record({
  accountId: fc.integer({ min: 1, max: 4 }),
  amount: fc.bigInt({ min: -50n, max: 100n }).filter((amount) => amount !== 0n),
  kind: fc.constantFrom("adjust", "adjust", "observe"),
})

describe("replay", () => {
  test("keeps pending = confirmed + unsettled whatever is adjusted, settled, deferred and observed", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(move, { maxLength: 8 }), fc.integer({ min: 0, max: 15 })), {
          maxLength: 6,
        }),
        (rounds) => {
          const log = beginLog([])
          for (const [moves, skips] of rounds) {
            for (const { accountId, amount, kind } of moves) {
              if (kind === "adjust") log.adjust(accountId, amount)
              else log.observe(accountId, amount)
            }
            const batch = log.seal()
            if (batch !== undefined) log.confirm(batch, (accountId) => (skips & (1 << (accountId - 1))) !== 0)
          }
          for (const account of log.replay.accounts.values())
            expect(account.pending).toBe(account.confirmed + account.unsettled)
        },
      ),
    )
  })

  test("of confirmations and their revocations ends where it began, and can confirm again otherwise", () => {
    fc.assert(
      fc.property(
        fc.array(move, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 15 }),
        fc.integer({ min: 0, max: 15 }),
        (moves, skips, skipsAgain) => {
          const log = beginLog(moves)
          const batch = log.seal()
          if (batch === undefined) return
          const before = log.state()
          const positions = log.confirm(batch, (accountId) => (skips & (1 << (accountId - 1))) !== 0)
          positions.push(log.observe(1, 7n))
          for (const position of positions.reverse()) log.revoke(position)
          expect(log.state()).toEqual(before)
          log.confirm(batch, (accountId) => (skipsAgain & (1 << (accountId - 1))) !== 0)
        },
      ),
    )
  })

  test("does not take a deferred change back into its batch once another batch has it", () => {
    const log = beginLog([{ accountId: 1, amount: -5n, kind: "adjust" }])
    const first = log.seal()
    if (first === undefined) throw new Error("nothing was sealed")
    const [, deferred] = log.confirm(first, () => true)
    const second = log.seal()
    log.revoke(deferred ?? 0)
    expect(log.events.at(-1)).toMatchObject({ data: { reopened_account_ids: [] } })
    if (second !== undefined) log.confirm(second, () => false)
    expect(log.replay.accounts.get(1n)).toMatchObject({ pending: -5n, confirmed: -5n, unsettled: 0n })
  })
})

import fc from "fast-check"
import { expect, test } from "vitest"
import { noChanges } from "./replay-changes.ts"

test("keeps what a map of objects would keep, over pages and whatever the amounts", () => {
  const position = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 8_185, max: 8_200 }))
  const amount = fc.oneof(
    fc.bigInt({ min: -99n, max: 99n }),
    fc.bigInt({ min: -(10n ** 77n), max: 10n ** 77n }),
    // Ending in zeros, as amounts of a token with 18 decimals do.
    fc
      .tuple(fc.bigInt({ min: -99_999n, max: 99_999n }), fc.nat({ max: 70 }))
      .map(([size, zeros]) => size * 10n ** BigInt(zeros)),
  )
  const step = fc.record({
    does: fc.constantFrom("add", "add", "take", "net", "put back"),
    position,
    accountId: fc.integer({ min: 1, max: 2 }),
    amount,
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const changes = noChanges()
      const model = new Map<number, { accountId: bigint; amount: bigint; owner: string | number }>()
      for (const { does, position: at, accountId, amount: size } of steps) {
        const known = model.get(at)
        if (does === "add") {
          if (known !== undefined) continue
          changes.addChange(BigInt(at), { accountId: BigInt(accountId), amount: size })
          model.set(at, { accountId: BigInt(accountId), amount: size, owner: "waiting" })
        } else if (does === "put back") {
          if (known === undefined) continue
          changes.putBack(at)
          known.owner = "waiting"
        } else {
          const owner = does === "net" ? "netted" : 7
          const isFree = known?.owner === "waiting" && known.accountId === BigInt(accountId)
          expect(changes.take(at, accountId, owner)).toBe(isFree)
          if (isFree) known.owner = owner
        }
      }
      for (const [at, { accountId, amount: size, owner }] of model) {
        expect(changes.get(at)).toEqual({ accountId, amount: size })
        expect(changes.ownerOf(at)).toBe(owner)
      }
      const all = [...model.keys()].sort((a, b) => a - b)
      expect(changes.sum(all)).toBe([...model.values()].reduce((sum, change) => sum + change.amount, 0n))
      const waiting = all.filter((at) => model.get(at)?.owner === "waiting")
      expect([...changes.waiting()].map(([at]) => Number(at))).toEqual(waiting)
      expect(changes.ownerOf(30)).toBeUndefined()
      expect(changes.get(100_000)).toBeUndefined()
    }),
  )
})

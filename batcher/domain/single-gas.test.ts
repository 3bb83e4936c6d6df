import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type SettledAccount, singleCallOf, singleGasOf } from "./single-gas.ts"

const costs = { mintNew: 1_000_000n, mintExisting: 10_000n, burnPart: 100n, burnAll: 1n }

describe("what the same changes would have cost one by one", () => {
  it("asks for each change what its account would have held at that moment", () => {
    // A new holder, a known one, a part, the rest, and a holder again.
    const account = { heldBefore: 0n, amounts: [5n, 7n, -3n, -9n, 4n] }
    expect(singleGasOf([account], costs)).toEqual({
      perChange: 1_000_000n + 10_000n + 100n + 1n + 1_000_000n,
      perRecipient: 1_000_000n,
    })
  })

  it("takes like for like the sum of each account", () => {
    const accounts = [
      { heldBefore: 10n, amounts: [3n, -1n] },
      { heldBefore: 10n, amounts: [-4n, -6n] },
      { heldBefore: 10n, amounts: [-4n, 1n] },
    ]
    expect(singleGasOf(accounts, costs).perRecipient).toBe(10_000n + 1n + 100n)
  })

  it("asks for no call where the changes of an account cancel out, and for each of them by itself", () => {
    expect(singleGasOf([{ heldBefore: 0n, amounts: [3n, -3n] }], costs)).toEqual({
      perRecipient: 0n,
      perChange: 1_000_001n,
    })
  })

  it("takes the cheapest call for a debit that the balance would not cover", () => {
    expect(singleCallOf(2n, -5n)).toBe("burnAll")
    expect(singleCallOf(-3n, 1n)).toBe("mintNew")
  })
})

const account: fc.Arbitrary<SettledAccount> = fc.record({
  heldBefore: fc.bigInt(0n, 50n),
  amounts: fc.array(
    fc.bigInt(-20n, 20n).filter((amount) => amount !== 0n),
    { minLength: 1, maxLength: 6 },
  ),
})

it("adds up: accounts together cost what they cost apart, and an account with one change costs the same both ways", () => {
  fc.assert(
    fc.property(fc.array(account), fc.array(account), (first, second) => {
      const [a, b, both] = [first, second, [...first, ...second]].map((some) => singleGasOf(some, costs))
      expect(both?.perChange).toBe((a?.perChange ?? 0n) + (b?.perChange ?? 0n))
      expect(both?.perRecipient).toBe((a?.perRecipient ?? 0n) + (b?.perRecipient ?? 0n))
      const plain = first.filter(({ amounts }) => amounts.length === 1)
      const { perChange, perRecipient } = singleGasOf(plain, costs)
      expect(perChange).toBe(perRecipient)
    }),
  )
})

import { expect, it } from "vitest"
import { canPayAgain, judgeFunds } from "./signer-funds.ts"

const funds = (balance: bigint, feePerBatch: bigint | null = 10n, needed = 30n) => ({
  balance,
  feePerBatch,
  needed,
})

it("is low below the price of so many batches, and enough again a fifth above it", () => {
  expect(judgeFunds(funds(499n), 50)).toBe("low")
  expect(judgeFunds(funds(500n), 50)).toBe("between")
  expect(judgeFunds(funds(599n), 50)).toBe("between")
  expect(judgeFunds(funds(600n), 50)).toBe("enough")
})

it("is enough as long as nobody knows what a batch costs", () => {
  expect(judgeFunds(funds(0n, null), 50)).toBe("enough")
})

it("can pay again when everything that waits is covered, and never with nothing", () => {
  expect(canPayAgain(funds(29n))).toBe(false)
  expect(canPayAgain(funds(30n))).toBe(true)
  expect(canPayAgain(funds(0n, null, 0n))).toBe(false)
})

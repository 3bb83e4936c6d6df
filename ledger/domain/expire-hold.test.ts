import { expect, it } from "vitest"
import { effectsOf } from "./effects.ts"
import { decideExpireHold } from "./expire-hold.ts"

const expiresAt = new Date("2024-12-15T10:00:00.000Z")
const hold = { position: 7n, accountId: 3n, amountBaseUnits: 10n, expiresAt }

it("gives all of a hold back at the moment that it expires, and not before", () => {
  expect(decideExpireHold(hold, 15n, new Date(expiresAt.getTime() - 1))).toBeNull()
  const event = decideExpireHold(hold, 15n, expiresAt)
  expect(event).toMatchObject({
    type: "HoldExpired",
    data: { hold_position: 7, released: "10" },
    operation: null,
    account: { accountId: 3n, amount: 0n, balanceAfter: 15n },
    causation: "hold:7",
  })
  if (event === null) return
  expect(effectsOf(event)).toEqual([{ accountId: 3n, pending: 0n, confirmed: 0n, locked: -10n }])
})

import { expect, it } from "vitest"
import { amountLimit } from "./amount.ts"
import { decideDiscard } from "./discard-changes.ts"

const at = new Date(0)
const said = { reason: "the address is blocked", requestedBy: "key:1", causation: "dead_letter:1" }
const credits = {
  accountId: 7n,
  changes: [
    { position: 3n, amount: 10n },
    { position: 5n, amount: -4n },
  ],
  reversed: null,
}

it("takes the sum of the changes out of the balance", () => {
  expect(decideDiscard(credits, { pending: 8n, confirmed: 2n, locked: 2n }, said, at)).toMatchObject({
    type: "SettlementDiscarded",
    account: { accountId: 7n, amount: -6n, balanceAfter: 2n },
    data: { positions: [3, 5] },
  })
})

it("refuses where what was given is spent or held", () => {
  expect(decideDiscard(credits, { pending: 8n, confirmed: 2n, locked: 3n }, said, at)).toEqual({
    refused: "INSUFFICIENT_BALANCE",
    availableBaseUnits: 5n,
  })
})

it("gives a debit back, whatever the balance", () => {
  const debit = { ...credits, changes: [{ position: 3n, amount: -10n }] }
  expect(decideDiscard(debit, { pending: 0n, confirmed: 10n, locked: 0n }, said, at)).toMatchObject({
    account: { amount: 10n, balanceAfter: 10n },
  })
})

it("refuses what would take the balance to the limit", () => {
  const debit = { ...credits, changes: [{ position: 3n, amount: -5n }] }
  const near = { pending: amountLimit - 6n, confirmed: 0n, locked: 0n }
  expect(decideDiscard(debit, near, said, at)).toMatchObject({ account: { balanceAfter: amountLimit - 1n } })
  const nearer = { ...near, pending: amountLimit - 5n }
  expect(decideDiscard(debit, nearer, said, at)).toEqual({ refused: "BALANCE_OUT_OF_RANGE" })
})

it("refuses what was reversed, and nothing", () => {
  const balance = { pending: 100n, confirmed: 100n, locked: 0n }
  const reversed = { ...credits, reversed: { position: 3n, reversedBy: 9n } }
  expect(decideDiscard(reversed, balance, said, at)).toEqual({ refused: "ALREADY_REVERSED", reversedBy: 9n })
  expect(decideDiscard({ ...credits, changes: [] }, balance, said, at)).toEqual({
    refused: "NOTHING_TO_DISCARD",
  })
})

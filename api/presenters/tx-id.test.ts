import { expect, it } from "vitest"
import { decodeTxId, encodeTxId } from "./tx-id.ts"

const ledgerId = "0193c5e0-1111-7222-8333-444455556666"

it("gives back the position of its own ledger only", () => {
  for (const position of [1n, 255n, 184_467n, 2n ** 63n - 1n]) {
    const txId = encodeTxId(ledgerId, position)
    expect(txId).toMatch(/^tx_[\w-]{32}$/)
    expect(decodeTxId(ledgerId, txId)).toBe(position)
    expect(decodeTxId("0193c5e0-1111-7222-8333-444455556667", txId)).toBeUndefined()
  }
})

it("refuses what it did not make", () => {
  const txId = encodeTxId(ledgerId, 5n)
  for (const text of [
    "",
    "tx_",
    txId.slice(3),
    `${txId}A`,
    txId.toLowerCase(),
    encodeTxId(ledgerId, 2n ** 63n),
  ])
    expect(decodeTxId(ledgerId, text)).toBeUndefined()
})

import { describe, expect, test } from "vitest"
import { ledgerIdBytes, ledgerIdOfBytes, walletAddress, walletIdentifier } from "./wallet-address.ts"

const input = {
  walletManager: "0x5fbdb2315678afecb367f032d93f642f64180aa3",
  walletInitCodeHash: `0x${"11".repeat(32)}`,
  ledgerId: "01890a5d-ac96-774b-bcce-b302099a8057",
  identifierSalt: `0x${"22".repeat(32)}`,
  userId: "player-1",
} as const

describe("walletAddress", () => {
  test("is a lower-case address and the same each time", () => {
    expect(walletAddress(input)).toMatch(/^0x[0-9a-f]{40}$/)
    expect(walletAddress({ ...input })).toBe(walletAddress(input))
  })

  test("does not depend on how hexadecimal digits are written", () => {
    expect(walletAddress({ ...input, ledgerId: input.ledgerId.toUpperCase() })).toBe(walletAddress(input))
  })

  test.each([
    { walletManager: "0x5fbdb2315678afecb367f032d93f642f64180aa4" },
    { walletInitCodeHash: `0x${"12".repeat(32)}` },
    { ledgerId: "01890a5d-ac96-774b-bcce-b302099a8058" },
    { identifierSalt: `0x${"23".repeat(32)}` },
    { userId: "player-2" },
  ] as const)("moves with %o", (change) => {
    expect(walletAddress({ ...input, ...change })).not.toBe(walletAddress(input))
  })

  test("tells users apart who differ in one code point outside ASCII", () => {
    expect(walletAddress({ ...input, userId: "玩家一" })).not.toBe(
      walletAddress({ ...input, userId: "玩家二" }),
    )
  })

  test("refuses a user id that UTF-8 cannot tell from another", () => {
    expect(() => walletAddress({ ...input, userId: "player-\ud800" })).toThrow(/well-formed/)
  })

  test("refuses a salt of another length and what is not a uuid", () => {
    expect(() => walletIdentifier("0x22", "player-1")).toThrow(/32 bytes/)
    expect(() => walletAddress({ ...input, ledgerId: "ledger-1" })).toThrow(/not a uuid/)
  })
})

describe("ledgerIdOfBytes", () => {
  test("reads what ledgerIdBytes writes, and nothing else", () => {
    const bytes = ledgerIdBytes(input.ledgerId)
    expect(ledgerIdOfBytes(bytes)).toBe(input.ledgerId)
    for (const other of [bytes.slice(2), `${bytes}00`, `0x1${bytes.slice(3)}`, bytes.toUpperCase(), "0x"])
      expect(ledgerIdOfBytes(other)).toBeNull()
  })
})

import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { amountLimit, formatAmount, parseAmount } from "./amount.ts"

describe("parseAmount", () => {
  it("reads signed decimals exactly", () => {
    expect(parseAmount("+1000.0", 18, "required")).toEqual({ amountBaseUnits: 1000n * 10n ** 18n })
    expect(parseAmount("-0.000001", 6, "required")).toEqual({ amountBaseUnits: -1n })
    expect(parseAmount("12.50", 1, "forbidden")).toEqual({ amountBaseUnits: 125n })
  })

  it("ignores trailing zeros of the fraction only", () => {
    expect(parseAmount("+1000.0", 0, "required")).toEqual({ amountBaseUnits: 1000n })
    expect(parseAmount("+1.05", 1, "required")).toMatchObject({ refused: "INVALID_AMOUNT" })
  })

  it.each([
    "",
    "+",
    "1e5",
    "+1e5",
    "NaN",
    "+0",
    "-0",
    "0",
    "+0.00",
    "+1.",
    "+.5",
    " +1",
    "+1 ",
    "+1,0",
    "0x10",
    "+١",
  ])("refuses %j", (text) => {
    expect(parseAmount(text, 18, "required")).toMatchObject({ refused: "INVALID_AMOUNT" })
  })

  it("wants a sign where the route adjusts and refuses one where the route names the direction", () => {
    expect(parseAmount("5", 18, "required")).toMatchObject({ refused: "INVALID_AMOUNT" })
    expect(parseAmount("+5", 18, "forbidden")).toMatchObject({ refused: "INVALID_AMOUNT" })
  })

  it("refuses what would not fit", () => {
    expect(parseAmount(`+${"9".repeat(59)}`, 18, "required")).toMatchObject({ refused: "INVALID_AMOUNT" })
  })
})

describe("formatAmount", () => {
  it("prints all decimals", () => {
    expect(formatAmount(1n, 18)).toBe("0.000000000000000001")
    expect(formatAmount(-1_500_000n, 6)).toBe("-1.500000")
    expect(formatAmount(0n, 2, true)).toBe("+0.00")
    expect(formatAmount(7n, 0, true)).toBe("+7")
  })

  it("is the inverse of parseAmount", () => {
    const amounts = fc
      .bigInt({ min: -amountLimit + 1n, max: amountLimit - 1n })
      .filter((amount) => amount !== 0n)
    fc.assert(
      fc.property(amounts, fc.integer({ min: 18, max: 18 }), (amount, decimals) => {
        expect(parseAmount(formatAmount(amount, decimals, true), decimals, "required")).toEqual({
          amountBaseUnits: amount,
        })
      }),
    )
  })
})

/** |balance| stays below this, so that every sum of two still fits numeric(78,0) and an EVM int256. */
export const amountLimit = 2n ** 255n

export type AmountRefusal = { readonly refused: "INVALID_AMOUNT"; readonly message: string }
export type ParsedAmount = { readonly amountBaseUnits: bigint } | AmountRefusal

export const amountForm =
  'write the amount as a decimal string in token units, for example "+12.5": no exponent, no spaces, at most 59 digits before the point and 36 behind it'

const pattern = /^([+-]?)(\d{1,59})(?:\.(\d{1,36}))?$/

/**
 * Reads a decimal string in token units, exactly. Zeros at the end of the fraction do not count; other digits beyond the token's decimals refuse the amount.
 * @param sign `required`: an explicit + or − (deltas); `forbidden`: the route names the direction
 */
export function parseAmount(text: string, decimals: number, sign: "required" | "forbidden"): ParsedAmount {
  const match = pattern.exec(text)
  if (match === null) {
    return refuse(amountForm)
  }
  const [, signText = "", whole = "", fractionText = ""] = match
  if (sign === "required" && signText === "")
    return refuse(`put an explicit sign before the amount: "+${text}" or "-${text}"`)
  if (sign === "forbidden" && signText !== "")
    return refuse("leave the sign out: the route names the direction")
  const fraction = fractionText.replace(/0+$/, "")
  if (fraction.length > decimals) {
    return refuse(`the token has ${decimals} decimals and the amount ${fraction.length}; nothing is rounded`)
  }
  const magnitude = BigInt(whole + fraction.padEnd(decimals, "0"))
  if (magnitude === 0n) return refuse("an amount of zero changes nothing; leave the adjustment out")
  if (magnitude >= amountLimit) return refuse("the amount is beyond 2^255 base units")
  return { amountBaseUnits: signText === "-" ? -magnitude : magnitude }
}

function refuse(message: string): AmountRefusal {
  return { refused: "INVALID_AMOUNT", message }
}

/** Base units as a decimal string with all of the token's decimals; `signed` puts a + before what is not negative. */
export function formatAmount(amountBaseUnits: bigint, decimals: number, signed = false): string {
  const magnitude = (amountBaseUnits < 0n ? -amountBaseUnits : amountBaseUnits)
    .toString()
    .padStart(decimals + 1, "0")
  const sign = amountBaseUnits < 0n ? "-" : signed ? "+" : ""
  if (decimals === 0) return sign + magnitude
  return `${sign}${magnitude.slice(0, -decimals)}.${magnitude.slice(-decimals)}`
}

import { invariant } from "../../platform/errors.ts"

export type Hex = `0x${string}`

/** What a batch changes on one account, in base units; never zero. */
export type Delta = {
  readonly address: Hex
  readonly amount: bigint
}

const addressDigits = 40
const shortAmountDigits = 24
const longAmountDigits = 64
const longFormMark = -(2n ** 95n)
const shortAmountMax = 2n ** 95n - 1n

/**
 * The bytes that the token's `settle` takes: per delta the address (20 bytes) and the amount as int96 (12 bytes,
 * big endian). An amount that does not fit is written as the smallest int96 followed by an int256.
 */
export function encodeDeltas(deltas: readonly Delta[]): Hex {
  const records = deltas.map(({ address, amount }) => {
    invariant(/^0x[0-9a-fA-F]{40}$/.test(address), `not an address: ${address}`)
    invariant(BigInt(address) !== 0n, "the zero address cannot be settled")
    invariant(amount !== 0n, `a delta of zero for ${address}`)
    invariant(BigInt.asIntN(256, amount) === amount, `the delta for ${address} does not fit 256 bits`)
    const digits = address.slice(2).toLowerCase()
    if (fitsShortForm(amount)) return digits + twosComplement(amount, shortAmountDigits)
    return digits + twosComplement(longFormMark, shortAmountDigits) + twosComplement(amount, longAmountDigits)
  })
  return `0x${records.join("")}`
}

/** The inverse of {@link encodeDeltas}; addresses come back in lower case. Throws where the token would revert. */
export function decodeDeltas(deltas: Hex): Delta[] {
  invariant(/^0x(?:[0-9a-fA-F]{2})*$/.test(deltas), "deltas are not hexadecimal bytes")
  const decoded: Delta[] = []
  let position = 2
  const take = (digits: number): string => {
    const taken = deltas.slice(position, position + digits)
    invariant(taken.length === digits, `deltas are cut short at byte ${(position - 2) / 2}`)
    position += digits
    return taken.toLowerCase()
  }
  while (position < deltas.length) {
    const address: Hex = `0x${take(addressDigits)}`
    const shortAmount = signed(take(shortAmountDigits))
    const isLong = shortAmount === longFormMark
    const amount = isLong ? signed(take(longAmountDigits)) : shortAmount
    invariant(BigInt(address) !== 0n, "a delta for the zero address")
    invariant(amount !== 0n, `a delta of zero for ${address}`)
    invariant(!isLong || !fitsShortForm(amount), `the delta for ${address} is longer than it needs to be`)
    decoded.push({ address, amount })
  }
  return decoded
}

/**
 * The number by which the token knows a batch, as 32 bytes: the ledger's uuid above the sequence's 64 bits. Two
 * ledgers never collide and neighbours share a word of the token's bitmap.
 */
export function batchIdOf(ledgerId: string, sequence: bigint): Hex {
  const uuid = ledgerId.replaceAll("-", "")
  invariant(/^[0-9a-fA-F]{32}$/.test(uuid), `not a uuid: ${ledgerId}`)
  invariant(BigInt.asUintN(64, sequence) === sequence, `batch sequence out of range: ${sequence}`)
  return `0x${((BigInt(`0x${uuid}`) << 64n) | sequence).toString(16).padStart(64, "0")}`
}

function fitsShortForm(amount: bigint): boolean {
  return amount > longFormMark && amount <= shortAmountMax
}

function twosComplement(value: bigint, digits: number): string {
  return BigInt.asUintN(digits * 4, value)
    .toString(16)
    .padStart(digits, "0")
}

function signed(digits: string): bigint {
  return BigInt.asIntN(digits.length * 4, BigInt(`0x${digits}`))
}

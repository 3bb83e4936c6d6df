/**
 * Integers in places of a Uint32Array, nine limbs of nine digits each, the lowest first, a negative one as its ten's complement: what numeric(78, 0) holds, exactly, without an
 * object for each. Adding carries the sign by itself.
 */
export const limbCount = 9
const base = 1_000_000_000
const modulus = 10n ** 81n
const limbDigits = 9
const zero = 48
const minus = 45

/** `target += source` */
export function addLimbs(target: Uint32Array, at: number, source: Uint32Array, from: number): void {
  let carry = 0
  for (let limb = 0; limb < limbCount; limb += 1) {
    const sum = (target[at + limb] ?? 0) + (source[from + limb] ?? 0) + carry
    carry = sum >= base ? 1 : 0
    target[at + limb] = carry === 1 ? sum - base : sum
  }
}

export function equalLimbs(one: Uint32Array, at: number, other: Uint32Array, from: number): boolean {
  for (let limb = 0; limb < limbCount; limb += 1) {
    if (one[at + limb] !== other[from + limb]) return false
  }
  return true
}

/** Whether the number at `at` is that at `left` and that at `right` together. */
export function isSum(limbs: Uint32Array, at: number, left: number, right: number): boolean {
  let carry = 0
  for (let limb = 0; limb < limbCount; limb += 1) {
    const sum = (limbs[left + limb] ?? 0) + (limbs[right + limb] ?? 0) + carry
    carry = sum >= base ? 1 : 0
    if (limbs[at + limb] !== (carry === 1 ? sum - base : sum)) return false
  }
  return true
}

/** The limbs that are needed: the rest only repeats the sign. */
export function limbsNeeded(source: Uint32Array, from: number): number {
  const sign = isNegative(source[from + limbCount - 1]) ? base - 1 : 0
  let needed = limbCount
  while (
    needed > 1 &&
    source[from + needed - 1] === sign &&
    isNegative(source[from + needed - 2]) === sign > 0
  )
    needed -= 1
  return needed
}

/** Fills the limbs from `given` on with the sign. */
export function extendLimbs(target: Uint32Array, at: number, given: number): void {
  target.fill(isNegative(target[at + given - 1]) ? base - 1 : 0, at + given, at + limbCount)
}

/** Zeros that the number ends in, and no more than `most`: nought has as many as one likes. */
export function trailingZeros(
  source: Uint32Array,
  from: number,
  most: number = limbCount * limbDigits,
): number {
  let limb = 0
  while (limb < limbCount && source[from + limb] === 0) limb += 1
  let zeros = limb * limbDigits
  for (let rest = source[from + limb] ?? 0; zeros < most && rest % 10 === 0; rest /= 10) zeros += 1
  return Math.min(zeros, most)
}

/** Writes the number without its last digits, all of which are zeros. */
export function shiftDown(source: Uint32Array, from: number, digits: number, target: Uint32Array): void {
  const skipped = Math.floor(digits / limbDigits)
  const divisor = 10 ** (digits % limbDigits)
  const sign = isNegative(source[from + limbCount - 1]) ? base - 1 : 0
  for (let limb = 0; limb < limbCount; limb += 1) {
    const at = limb + skipped
    const low = at < limbCount ? (source[from + at] ?? 0) : sign
    const high = at + 1 < limbCount ? (source[from + at + 1] ?? 0) : sign
    target[limb] = Math.floor(low / divisor) + (high % divisor) * (base / divisor)
  }
}

/** Appends zeros, in place: the inverse of {@link shiftDown}. */
export function shiftUp(target: Uint32Array, digits: number): void {
  const skipped = Math.floor(digits / limbDigits)
  const factor = 10 ** (digits % limbDigits)
  const divisor = base / factor
  for (let limb = limbCount - 1; limb >= 0; limb -= 1) {
    const high = target[limb - skipped] ?? 0
    const low = target[limb - skipped - 1] ?? 0
    target[limb] = (high % divisor) * factor + Math.floor(low / divisor)
  }
}

export function writeLimbs(target: Uint32Array, at: number, value: bigint): void {
  let rest = value < 0n ? value + modulus : value
  for (let limb = 0; limb < limbCount; limb += 1) {
    target[at + limb] = Number(rest % 1_000_000_000n)
    rest /= 1_000_000_000n
  }
}

export function readLimbs(source: Uint32Array, from: number): bigint {
  const needed = limbsNeeded(source, from)
  const top = source[from + needed - 1] ?? 0
  let value = BigInt(isNegative(top) ? top - base : top)
  for (let limb = needed - 2; limb >= 0; limb -= 1)
    value = value * 1_000_000_000n + BigInt(source[from + limb] ?? 0)
  return value
}

/**
 * Writes the number that ASCII bytes say: digits, behind a minus where it is negative.
 * @returns false for what is no such number, or has more than 78 digits
 */
export function parseLimbs(
  target: Uint32Array,
  at: number,
  text: Uint8Array,
  start: number,
  end: number,
): boolean {
  const first = text[start] === minus ? start + 1 : start
  if (end <= first || end - first > 78) return false
  for (let limb = 0, upto = end; limb < limbCount; limb += 1, upto -= limbDigits) {
    let value = 0
    for (let index = Math.max(first, upto - limbDigits); index < upto; index += 1) {
      const digit = (text[index] ?? 0) - zero
      if (digit < 0 || digit > 9) return false
      value = value * 10 + digit
    }
    target[at + limb] = value
  }
  if (first > start) negate(target, at)
  return true
}

function negate(target: Uint32Array, at: number): void {
  let borrow = 0
  for (let limb = 0; limb < limbCount; limb += 1) {
    const difference = 0 - (target[at + limb] ?? 0) - borrow
    borrow = difference < 0 ? 1 : 0
    target[at + limb] = borrow === 1 ? difference + base : difference
  }
}

function isNegative(topLimb: number | undefined): boolean {
  return (topLimb ?? 0) >= base / 2
}

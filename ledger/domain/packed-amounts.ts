import { extendLimbs, limbCount, limbsNeeded, shiftDown, shiftUp, trailingZeros } from "./decimal-limbs.ts"

/**
 * Amounts by index, in as few limbs as the largest of them takes, and without the zeros that every one of them ends in: a token of 18 decimals whose amounts have two takes 4 bytes for
 * each. Exact whatever comes: the odd one makes room for itself.
 */
export type PackedAmounts = {
  /** Without their last `zeros` digits. */
  values: Uint32Array
  /** Limbs of each. */
  width: number
  zeros: number
  /** Indexes that may have one. */
  used: number
  readonly capacity: number
}

const given = new Uint32Array(limbCount)
const whole = new Uint32Array(limbCount)
const shifted = new Uint32Array(limbCount)

export function emptyAmounts(capacity: number): PackedAmounts {
  return { values: new Uint32Array(0), width: 0, zeros: 0, used: 0, capacity }
}

/** @param limbs of the amount, from `from` on */
export function putAmount(amounts: PackedAmounts, index: number, limbs: Uint32Array, from: number): void {
  const isFirst = amounts.width === 0
  const zeros = isFirst ? trailingZeros(limbs, from) : trailingZeros(limbs, from, amounts.zeros)
  if (isFirst || zeros < amounts.zeros) repack(amounts, zeros, 1)
  shiftDown(limbs, from, zeros, given)
  const needed = limbsNeeded(given, 0)
  if (needed > amounts.width) repack(amounts, zeros, needed)
  const { values, width } = amounts
  for (let limb = 0; limb < width; limb += 1) values[index * width + limb] = given[limb] ?? 0
  amounts.used = Math.max(amounts.used, index + 1)
}

/** Fills all limbs of `into`. */
export function takeAmount({ values, width, zeros }: PackedAmounts, index: number, into: Uint32Array): void {
  for (let limb = 0; limb < width; limb += 1) into[limb] = values[index * width + limb] ?? 0
  extendLimbs(into, 0, width)
  if (zeros > 0) shiftUp(into, zeros)
}

/** Makes room for amounts that end in fewer zeros, or have more limbs. */
function repack(amounts: PackedAmounts, zeros: number, widthMin: number): void {
  let width = Math.max(amounts.width, widthMin)
  const eachShifted = (onAmount: (index: number) => void) => {
    for (let index = 0; index < amounts.used; index += 1) {
      takeAmount(amounts, index, whole)
      shiftDown(whole, 0, zeros, shifted)
      onAmount(index)
    }
  }
  eachShifted(() => {
    width = Math.max(width, limbsNeeded(shifted, 0))
  })
  const values = new Uint32Array(amounts.capacity * width)
  eachShifted((index) => values.set(shifted.subarray(0, width), index * width))
  Object.assign(amounts, { values, width, zeros })
}

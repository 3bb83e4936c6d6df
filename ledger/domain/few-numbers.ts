const differentMax = 256

/** Whole numbers below 2^32 by index, 0 at first: a byte for each, and four once more than 256 of them differ. */
export type FewNumbers = {
  at(index: number): number
  put(index: number, value: number): void
}

export function fewNumbers(length: number): FewNumbers {
  const different = [0]
  let indexes = new Uint8Array(length)
  let numbers: Uint32Array | undefined

  /** @returns undefined where there is no byte left for it */
  function indexOf(value: number): number | undefined {
    // The one that came last comes most often.
    const known = different.lastIndexOf(value)
    if (known >= 0) return known
    return different.length < differentMax ? different.push(value) - 1 : undefined
  }

  const at = (index: number) => numbers?.[index] ?? different[indexes[index] ?? 0] ?? 0

  return {
    at,
    put(index, value) {
      const known = numbers === undefined ? indexOf(value) : undefined
      if (known !== undefined) {
        indexes[index] = known
        return
      }
      if (numbers === undefined) {
        numbers = Uint32Array.from(indexes, (_, each) => at(each))
        indexes = new Uint8Array(0)
      }
      numbers[index] = value
    },
  }
}

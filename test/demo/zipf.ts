/**
 * Ranks of which the k-th comes up in proportion to 1 / (k + 1) ** exponent: few players make most of a game's traffic.
 * @returns the rank, from 0, that belongs to a fraction of the whole
 */
export function createZipf(ranks: number, exponent: number): (fraction: number) => number {
  let sum = 0
  const upTo = Array.from({ length: ranks }, (_, rank) => {
    sum += 1 / (rank + 1) ** exponent
    return sum
  })
  return (fraction) => {
    const wanted = fraction * sum
    let low = 0
    let high = ranks - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((upTo[middle] ?? sum) > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}

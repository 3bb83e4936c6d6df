import { levelsOf } from "./merkle-builder.ts"
import { hashNode } from "./merkle-hash.ts"

/** Leaves `begin` up to `end`, without it. A proof is the roots of some of these, in order. */
export type LeafRange = { readonly begin: number; readonly end: number }
/** The place of a complete subtree, see MerkleNode. */
export type SubtreePlace = { readonly level: number; readonly index: number }

/** What proves that leaf `index` is in the tree of `size` leaves (RFC 6962, 2.1.1), from the leaf up. */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  if (index < 0 || index >= size) throw new RangeError(`a tree of ${size} leaves has none at ${index}`)
  const ranges: LeafRange[] = []
  let begin = 0
  let end = size
  while (end - begin > 1) {
    const middle = begin + splitOf(end - begin)
    if (index < middle) {
      ranges.push({ begin: middle, end })
      end = middle
    } else {
      ranges.push({ begin, end: middle })
      begin = middle
    }
  }
  return ranges.reverse()
}

/** What proves that the tree of `from` leaves is the beginning of the tree of `size` leaves (RFC 6962, 2.1.2). Nothing is to be proven of a tree and itself. */
export function consistencyRanges(from: number, size: number): LeafRange[] {
  if (from < 1 || from > size) throw new RangeError(`a tree of ${size} leaves does not begin with ${from}`)
  const ranges: LeafRange[] = []
  let begin = 0
  let end = size
  while (end !== from) {
    const middle = begin + splitOf(end - begin)
    if (from <= middle) {
      ranges.push({ begin: middle, end })
      end = middle
    } else {
      ranges.push({ begin, end: middle })
      begin = middle
    }
  }
  // The verifier knows the root of the old tree; it must be told the last subtree only where that is not the whole of it.
  if (begin > 0) ranges.push({ begin, end })
  return ranges.reverse()
}

/** The complete subtrees whose fold is the root of a range of a proof, the largest first. */
export function subtreesOf({ begin, end }: LeafRange): SubtreePlace[] {
  let at = begin
  return levelsOf(end - begin).map((level) => {
    const place = { level, index: at / 2 ** level }
    at += 2 ** level
    return place
  })
}

/** Whether `proof` shows that the leaf with this hash stands at `index` in the tree with this root. */
export function verifyInclusion(proven: {
  readonly leafHash: Buffer
  readonly index: number
  readonly size: number
  readonly proof: readonly Buffer[]
  readonly root: Buffer
}): boolean {
  const { index, size, proof, root } = proven
  if (index < 0 || index >= size) return false
  let node = proven.leafHash
  let at = index
  let last = size - 1
  for (const hash of proof) {
    if (last === 0 || hash.length !== 32) return false
    if (at % 2 === 1 || at === last) {
      node = hashNode(hash, node)
      while (at % 2 === 0 && at > 0) [at, last] = [half(at), half(last)]
    } else {
      node = hashNode(node, hash)
    }
    at = half(at)
    last = half(last)
  }
  return last === 0 && node.equals(root)
}

/** Whether `proof` shows that the tree of `from` leaves with the root `fromRoot` is the beginning of the one of `size` leaves with the root `root`. */
export function verifyConsistency(proven: {
  readonly from: number
  readonly fromRoot: Buffer
  readonly size: number
  readonly root: Buffer
  readonly proof: readonly Buffer[]
}): boolean {
  const { from, fromRoot, size, root } = proven
  if (from < 1 || from > size) return false
  if (from === size) return proven.proof.length === 0 && fromRoot.equals(root)
  const isWhole = Number.isInteger(Math.log2(from))
  const [first, ...rest] = isWhole ? [fromRoot, ...proven.proof] : proven.proof
  if (first === undefined || first.length !== 32) return false
  let at = from - 1
  let last = size - 1
  while (at % 2 === 1) [at, last] = [half(at), half(last)]
  let old = first
  let node = first
  for (const hash of rest) {
    if (last === 0 || hash.length !== 32) return false
    if (at % 2 === 1 || at === last) {
      old = hashNode(hash, old)
      node = hashNode(hash, node)
      while (at % 2 === 0 && at > 0) [at, last] = [half(at), half(last)]
    } else {
      node = hashNode(node, hash)
    }
    at = half(at)
    last = half(last)
  }
  return last === 0 && old.equals(fromRoot) && node.equals(root)
}

/** The largest power of two below the size. */
function splitOf(size: number): number {
  return 2 ** ((size - 1).toString(2).length - 1)
}

function half(number: number): number {
  return Math.floor(number / 2)
}

import { emptyRoot, hashLeaf, hashNode } from "./merkle-hash.ts"

/** A complete subtree: the root of the 2^level leaves from `index` · 2^level on. */
export type MerkleNode = { readonly level: number; readonly index: number; readonly hash: Buffer }

/**
 * A tree that grows leaf by leaf and keeps nothing but its frontier, the complete subtrees that cover the leaves so far: one for each bit that is set in the size, the largest
 * first. Whoever knows a size and its frontier can go on from there.
 */
export type MerkleBuilder = {
  readonly size: number
  /** Adds the next leaf. */
  add(leaf: Uint8Array): void
  /** Adds 2^level leaves at once, by their root. The size must be a multiple of that number. */
  addSubtree(level: number, hash: Buffer): void
  root(): Buffer
  frontier(): Buffer[]
}

/**
 * @param start a size and its frontier to go on from
 * @param onNode is told of every subtree as soon as it is complete, leaves (level 0) included, lower ones first
 * @throws RangeError when the frontier is not one of this size
 */
export function createMerkleBuilder(
  start: { readonly size: number; readonly frontier: readonly Buffer[] } = { size: 0, frontier: [] },
  onNode: (node: MerkleNode) => void = () => undefined,
): MerkleBuilder {
  let size = start.size
  // By level. There is one where the size has that bit.
  const open: (Buffer | undefined)[] = []
  const levels = levelsOf(size)
  if (levels.length !== start.frontier.length || start.frontier.some(({ length }) => length !== 32)) {
    throw new RangeError(`a tree of ${size} leaves has a frontier of ${levels.length} hashes of 32 bytes`)
  }
  levels.forEach((level, index) => {
    open[level] = start.frontier[index]
  })

  function addSubtree(level: number, hash: Buffer): void {
    const leaves = 2 ** level
    if (size % leaves !== 0) throw new RangeError(`${leaves} leaves at once do not fit behind ${size}`)
    size += leaves
    let node = hash
    let height = level
    onNode({ level: height, index: size / leaves - 1, hash: node })
    for (let left = open[height]; left !== undefined; left = open[height]) {
      node = hashNode(left, node)
      open[height] = undefined
      height += 1
      onNode({ level: height, index: size / 2 ** height - 1, hash: node })
    }
    open[height] = node
  }

  const frontier = () => open.filter((node) => node !== undefined).reverse()
  return {
    get size() {
      return size
    },
    add: (leaf) => addSubtree(0, hashLeaf(leaf)),
    addSubtree,
    root: () => foldSubtrees(frontier()),
    frontier,
  }
}

/** The root over neighbouring subtrees, the largest first. */
export function foldSubtrees(hashes: readonly Buffer[]): Buffer {
  return hashes.length === 0 ? emptyRoot : hashes.reduceRight((right, left) => hashNode(left, right))
}

/** The bits that are set, the highest first. */
export function levelsOf(size: number): number[] {
  const bits = size.toString(2)
  return [...bits].flatMap((bit, index) => (bit === "1" ? [bits.length - 1 - index] : []))
}

import { hashSize, putLeaf, putNode } from "./merkle-hash.ts"

/** Complete subtrees from this level up are stored; below it the events' own hashes are read. */
export const blockLevel = 8
/** Events of a block: the leaves of a complete subtree of that level. */
export const blockSize: number = 2 ** blockLevel

/**
 * The roots of the blocks of one part of a log, for a reader that goes through it anyway. The part begins with the first event of a block: its position is one more than a multiple
 * of {@link blockSize}.
 */
export type BlockRoots = {
  /** @param hash of the next event */
  add(hash: Uint8Array): void
  /** The roots of the blocks that are complete so far, 32 bytes each, one behind the other. */
  finish(): Buffer
}

export function createBlockRoots(): BlockRoots {
  const roots: Buffer[] = []
  // Of the block at hand: its leaves, and then each level over the one below it. No object for any of them.
  const level = Buffer.alloc(blockSize * hashSize)
  let size = 0
  return {
    add(hash) {
      putLeaf(level, size, hash)
      size += 1
      if (size < blockSize) return
      for (size /= 2; size >= 1; size /= 2) {
        for (let index = 0; index < size; index += 1) putNode(level, index, level)
      }
      size = 0
      roots.push(Buffer.from(level.subarray(0, hashSize)))
    },
    finish: () => Buffer.concat(roots),
  }
}

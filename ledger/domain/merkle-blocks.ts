import { createMerkleBuilder } from "./merkle-builder.ts"

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
  const fresh = () =>
    createMerkleBuilder(undefined, ({ level, hash }) => {
      if (level === blockLevel) roots.push(hash)
    })
  let builder = fresh()
  return {
    add(hash) {
      builder.add(hash)
      if (builder.size === blockSize) builder = fresh()
    },
    finish: () => Buffer.concat(roots),
  }
}

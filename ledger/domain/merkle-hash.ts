import { hash } from "node:crypto"

/** Bytes of a leaf or a node. */
export const hashSize = 32

// RFC 6962: the first byte tells a leaf from a node, so that no node can be passed off as an event.
const leafInput = Buffer.alloc(1 + hashSize)
const nodeInput = Buffer.alloc(1 + 2 * hashSize)
nodeInput[0] = 1

/** `SHA-256(0x00 ‖ leaf)`. */
export function hashLeaf(leaf: Uint8Array): Buffer {
  if (leaf.length !== hashSize) return digestOf(Buffer.concat([Buffer.alloc(1), leaf]))
  leafInput.set(leaf, 1)
  return digestOf(leafInput)
}

/** `SHA-256(0x01 ‖ left ‖ right)`, of two hashes of 32 bytes. */
export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  nodeInput.set(left, 1)
  nodeInput.set(right, 1 + hashSize)
  return digestOf(nodeInput)
}

/** Writes the hash of a leaf of 32 bytes into `target`, at the place of that index. */
export function putLeaf(target: Buffer, index: number, leaf: Uint8Array): void {
  leafInput.set(leaf, 1)
  target.write(hash("sha256", leafInput, "binary"), index * hashSize, "latin1")
}

/** Writes the hash of the node over two neighbours, the first of which has twice its index; `target` may be where they are. */
export function putNode(target: Buffer, index: number, level: Buffer): void {
  level.copy(nodeInput, 1, 2 * index * hashSize, 2 * (index + 1) * hashSize)
  target.write(hash("sha256", nodeInput, "binary"), index * hashSize, "latin1")
}

/** By way of a text, which takes a third of what a buffer of its own does. */
function digestOf(input: Uint8Array): Buffer {
  return Buffer.from(hash("sha256", input, "binary"), "latin1")
}

/** The root of a tree without leaves. */
export const emptyRoot: Buffer = hash("sha256", "", "buffer")

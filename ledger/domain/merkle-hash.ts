import { hash } from "node:crypto"

// RFC 6962: the first byte tells a leaf from a node, so that no node can be passed off as an event.
const leafInput = Buffer.alloc(33)
const nodeInput = Buffer.alloc(65)
nodeInput[0] = 1

/** `SHA-256(0x00 ‖ leaf)`. */
export function hashLeaf(leaf: Uint8Array): Buffer {
  if (leaf.length !== 32) return hash("sha256", Buffer.concat([Buffer.alloc(1), leaf]), "buffer")
  leafInput.set(leaf, 1)
  return hash("sha256", leafInput, "buffer")
}

/** `SHA-256(0x01 ‖ left ‖ right)`, of two hashes of 32 bytes. */
export function hashNode(left: Uint8Array, right: Uint8Array): Buffer {
  nodeInput.set(left, 1)
  nodeInput.set(right, 33)
  return hash("sha256", nodeInput, "buffer")
}

/** The root of a tree without leaves. */
export const emptyRoot: Buffer = hash("sha256", "", "buffer")

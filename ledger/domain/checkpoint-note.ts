import { createHash } from "node:crypto"
import { keyIdOf, verifySignature } from "./audit-key.ts"

/** What is said of a log at one moment: the root of the Merkle tree over its first `treeSize` events, and the hash of the last of them. */
export type Checkpoint = {
  readonly ledgerId: string
  readonly treeSize: bigint
  readonly root: Buffer
  readonly headHash: Buffer
  readonly createdAt: Date
  readonly keyId: string
}

export type SignedCheckpoint = { readonly checkpoint: Checkpoint; readonly signature: Buffer }

/** The text that is signed: the three lines of a transparency log's checkpoint (C2SP tlog-checkpoint), then ours. docs/audit.md describes it. */
export function checkpointText(checkpoint: Checkpoint): string {
  const { ledgerId, treeSize, root, headHash, createdAt, keyId } = checkpoint
  return [
    originOf(ledgerId),
    treeSize.toString(),
    root.toString("base64"),
    `head ${headHash.toString("hex")}`,
    `time ${createdAt.toISOString()}`,
    `key ${keyId}`,
    "",
  ].join("\n")
}

/** The text with its signature as a signed note (C2SP signed-note): what a file holds, and any tool for such notes can check. */
export function signedNote({ checkpoint, signature }: SignedCheckpoint, publicKey: Buffer): string {
  const origin = originOf(checkpoint.ledgerId)
  const signed = Buffer.concat([noteKeyHash(origin, publicKey), signature]).toString("base64")
  return `${checkpointText(checkpoint)}\n— ${origin} ${signed}\n`
}

const notePattern =
  /^chainbridge\/ledger\/([0-9a-f-]{36})\n([1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\nhead ([0-9a-f]{64})\ntime (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\nkey ([0-9a-f]{32})\n\n— \S+ ([A-Za-z0-9+/=]{92})\n$/

/**
 * Reads a signed note and checks its signature.
 * @returns why it does not hold, where it does not
 */
export function openNote(note: string, publicKey: Buffer): SignedCheckpoint | { readonly problem: string } {
  const [, ledgerId, treeSize, root, headHash, time, keyId, signed] = notePattern.exec(note) ?? []
  if (!ledgerId || !treeSize || !root || !headHash || !time || !keyId || !signed) {
    return { problem: "it is not a signed checkpoint" }
  }
  const createdAt = new Date(time)
  if (Number.isNaN(createdAt.getTime())) return { problem: `${time} is no time` }
  const opened = {
    checkpoint: {
      ledgerId,
      treeSize: BigInt(treeSize),
      root: Buffer.from(root, "base64"),
      headHash: Buffer.from(headHash, "hex"),
      createdAt,
      keyId,
    },
    signature: Buffer.from(signed, "base64").subarray(4),
  }
  if (keyId !== keyIdOf(publicKey)) {
    return { problem: `the key ${keyId} signed it, and not ${keyIdOf(publicKey)}` }
  }
  // One text for one checkpoint: whatever else reads the same, such as another base64, is refused.
  if (signedNote(opened, publicKey) !== note) return { problem: "it is not written as a checkpoint is" }
  return holdsSignature(opened, publicKey) ? opened : { problem: "its signature does not hold" }
}

/** Whether the key with this public half signed the checkpoint. */
export function holdsSignature({ checkpoint, signature }: SignedCheckpoint, publicKey: Buffer): boolean {
  return (
    checkpoint.keyId === keyIdOf(publicKey) &&
    verifySignature(publicKey, checkpointText(checkpoint), signature)
  )
}

function originOf(ledgerId: string): string {
  return `chainbridge/ledger/${ledgerId}`
}

/** Names a key in a note: four bytes of SHA-256(name ‖ newline ‖ 01, which stands for Ed25519 ‖ public key). */
function noteKeyHash(name: string, publicKey: Buffer): Buffer {
  return createHash("sha256").update(`${name}\n\u0001`).update(publicKey).digest().subarray(0, 4)
}

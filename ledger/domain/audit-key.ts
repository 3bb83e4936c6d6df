import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from "node:crypto"

/** An Ed25519 key (RFC 8032) that signs checkpoints and exports. */
export type AuditKey = {
  readonly keyId: string
  /** The 32 bytes of RFC 8032. */
  readonly publicKey: Buffer
  /** @returns 64 bytes */
  sign(text: string): Buffer
}

// What RFC 8410 puts around the 32 bytes of a key.
const privatePrefix = Buffer.from("302e020100300506032b657004220420", "hex")
const publicPrefix = Buffer.from("302a300506032b6570032100", "hex")

/** @param secret the 32 bytes that RFC 8032 calls the private key */
export function auditKeyOf(secret: Buffer): AuditKey {
  if (secret.length !== 32) throw new RangeError("the secret of an Ed25519 key has 32 bytes")
  const key = createPrivateKey({
    key: Buffer.concat([privatePrefix, secret]),
    format: "der",
    type: "pkcs8",
  })
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(publicPrefix.length)
  return { keyId: keyIdOf(publicKey), publicKey, sign: (text) => sign(null, Buffer.from(text), key) }
}

/** The first 16 bytes of the SHA-256 of the public key, in hex. */
export function keyIdOf(publicKey: Buffer): string {
  return hash("sha256", publicKey).slice(0, 32)
}

/** @param publicKey 32 bytes */
export function verifySignature(publicKey: Buffer, text: string, signature: Buffer): boolean {
  const key = openPublicKey(publicKey)
  return key !== null && signature.length === 64 && verify(null, Buffer.from(text), key, signature)
}

function openPublicKey(publicKey: Buffer): KeyObject | null {
  if (publicKey.length !== 32) return null
  return createPublicKey({ key: Buffer.concat([publicPrefix, publicKey]), format: "der", type: "spki" })
}

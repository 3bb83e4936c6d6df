import { createCipheriv, createDecipheriv, hash, randomBytes } from "node:crypto"
import { ChainBridgeError } from "./errors.ts"

/** Keeps secrets that have to be read again, in a database that cannot read them. */
export type SecretBox = {
  /** @param place what the secret belongs to: it opens nowhere else */
  seal(secret: Buffer, place: string): Buffer
  /** @throws ChainBridgeError SECRET_UNREADABLE when none of the keys has sealed it, for this place */
  open(sealed: Buffer, place: string): Buffer
}

const keyIdBytes = 8
const nonceBytes = 12
const tagBytes = 16

/**
 * AES-256-GCM. What is sealed begins with the number of its key, so that a key can be exchanged while both are known.
 * @param keys of 32 bytes each; the first one seals, each one opens
 */
export function createSecretBox(keys: readonly [Buffer, ...Buffer[]]): SecretBox {
  const known = keys.map((key) => ({ key, id: hash("sha256", key, "buffer").subarray(0, keyIdBytes) }))
  const [sealing] = known
  return {
    seal(secret, place) {
      if (sealing === undefined) throw new TypeError("a secret box needs a key")
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv("aes-256-gcm", sealing.key, nonce).setAAD(Buffer.from(place))
      const text = Buffer.concat([cipher.update(secret), cipher.final()])
      return Buffer.concat([sealing.id, nonce, cipher.getAuthTag(), text])
    },
    open(sealed, place) {
      const id = sealed.subarray(0, keyIdBytes)
      const found = known.find((one) => one.id.equals(id))
      if (found === undefined) throw unreadable("it was sealed with a key that is not known here")
      const nonceEnd = keyIdBytes + nonceBytes
      const tagEnd = nonceEnd + tagBytes
      const decipher = createDecipheriv("aes-256-gcm", found.key, sealed.subarray(keyIdBytes, nonceEnd))
      decipher.setAAD(Buffer.from(place)).setAuthTag(sealed.subarray(nonceEnd, tagEnd))
      try {
        return Buffer.concat([decipher.update(sealed.subarray(tagEnd)), decipher.final()])
      } catch (cause) {
        throw unreadable("it was changed, or belongs elsewhere", cause)
      }
    },
  }
}

function unreadable(why: string, cause?: unknown): ChainBridgeError {
  return new ChainBridgeError("SECRET_UNREADABLE", `a secret cannot be read: ${why}`, { cause })
}

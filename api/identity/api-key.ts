import { createHash, randomBytes } from "node:crypto"

/** A new key, `cb_` and 32 random bytes in base64url. It is shown once: only its hash is stored. */
export function createApiKey(): string {
  return `cb_${randomBytes(32).toString("base64url")}`
}

/** What is stored of a key: 256 random bits need no slow hash. */
export function hashApiKey(key: string): Buffer {
  return createHash("sha256").update(key).digest()
}

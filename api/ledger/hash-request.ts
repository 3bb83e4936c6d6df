import { createHmac, type KeyObject } from "node:crypto"
import { canonicalJson } from "../validation/canonical-json.ts"

/**
 * What an operation's key is bound to: HMAC-SHA256 of what was asked for, in canonical form. The log keeps it when what was said in words is erased; without the key nobody can try
 * what the words were.
 * @param key of the ledger's identifier salt; as a KeyObject, which takes a fraction of the time that the bytes take
 * @returns 32 bytes
 */
export function hashRequest(key: KeyObject, said: Readonly<Record<string, unknown>>): Buffer {
  return createHmac("sha256", key).update(canonicalJson(said)).digest()
}

import type { HmacSha256 } from "../../platform/hmac-sha256.ts"
import { canonicalJson } from "../validation/canonical-json.ts"

/**
 * What an operation's key is bound to: HMAC-SHA256 of what was asked for, in canonical form. The log keeps it when what was said in words is erased; without the key nobody can try
 * what the words were.
 * @param key of the ledger's identifier salt
 * @returns 32 bytes
 */
export function hashRequest(key: HmacSha256, said: Readonly<Record<string, unknown>>): Buffer {
  return key(canonicalJson(said))
}

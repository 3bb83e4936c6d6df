import { hash } from "node:crypto"
import { type Kysely, sql } from "kysely"
import { LRUCache } from "lru-cache"
import type { Hex } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import { describeError } from "../../platform/errors.ts"
import { type HmacSha256, hmacSha256 } from "../../platform/hmac-sha256.ts"
import type { Logger } from "../../platform/logger.ts"

/** Whom a key speaks for. */
export type Caller = {
  readonly keyId: string
  readonly appId: string
  readonly ledgerId: string
  readonly identifierSalt: Hex
  /** Of the same bytes, for the hashes of requests. */
  readonly requestKey: HmacSha256
  readonly scopes: ReadonlySet<string>
  readonly expiresAt: Date | null
}

export type ApiKeys = {
  /** @returns the caller, or undefined for a key that is unknown, revoked or expired */
  find(apiKey: string): Promise<Caller | undefined>
  /** Forgets what is cached. */
  clear(): void
}

const lastUsedEveryMs = 60_000

/** Only the SHA-256 of a key is stored, and asked for. Whatever the answer, it is believed for `maxAgeMs`, which bounds how long a revoked key works. */
export function createApiKeys(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly maxAgeMs: number
  readonly cachedMax: number
}): ApiKeys {
  const { db, logger } = options
  const cache = new LRUCache<string, Promise<Caller | undefined>>({
    max: options.cachedMax,
    ttl: options.maxAgeMs,
  })
  const usedAt = new LRUCache<string, true>({ max: options.cachedMax, ttl: lastUsedEveryMs })

  async function read(keyHash: Buffer): Promise<Caller | undefined> {
    const row = await db
      .selectFrom("registry.api_keys as k")
      .innerJoin("registry.apps as a", "a.app_id", "k.app_id")
      .innerJoin("registry.ledgers as l", "l.ledger_id", "a.ledger_id")
      .select(["k.key_id", "k.app_id", "k.scopes", "k.expires_at", "a.ledger_id", "l.identifier_salt"])
      .where("k.key_hash", "=", keyHash)
      .where("k.revoked_at", "is", null)
      .executeTakeFirst()
    if (row === undefined) return undefined
    return {
      keyId: row.key_id,
      appId: row.app_id,
      ledgerId: row.ledger_id,
      identifierSalt: `0x${row.identifier_salt.toString("hex")}`,
      requestKey: hmacSha256(row.identifier_salt),
      scopes: new Set(row.scopes),
      expiresAt: row.expires_at,
    }
  }

  function noteUse(keyId: string): void {
    if (usedAt.has(keyId)) return
    usedAt.set(keyId, true)
    db.updateTable("registry.api_keys")
      .set({ last_used_at: sql<Date>`now()` })
      .where("key_id", "=", keyId)
      .execute()
      .catch((error: unknown) => logger.warn({ reason: describeError(error) }, "a key's use was not noted"))
  }

  return {
    async find(apiKey) {
      const cacheKey = hash("sha256", apiKey, "base64")
      let found = cache.get(cacheKey)
      if (found === undefined) {
        found = read(Buffer.from(cacheKey, "base64"))
        cache.set(cacheKey, found)
        found.catch(() => cache.delete(cacheKey))
      }
      const caller = await found
      if (caller === undefined) return undefined
      if (caller.expiresAt !== null && caller.expiresAt.getTime() <= Date.now()) return undefined
      noteUse(caller.keyId)
      return caller
    },
    clear: () => cache.clear(),
  }
}

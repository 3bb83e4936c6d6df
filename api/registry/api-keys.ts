import { hash } from "node:crypto"
import { type Kysely, sql } from "kysely"
import { LRUCache } from "lru-cache"
import type { Hex } from "viem"
import type { Initiator } from "../../ledger/domain/operator-action.ts"
import type { Database } from "../../ledger/store/database.ts"
import { type AddressList, createAddressList } from "../../platform/address-list.ts"
import { describeError } from "../../platform/errors.ts"
import { type HmacSha256, hmacSha256 } from "../../platform/hmac-sha256.ts"
import type { Logger } from "../../platform/logger.ts"
import { type Permission, permissionsOfKey } from "../permissions.ts"

export type Person = {
  readonly personId: string
  readonly sessionId: string
  readonly initiator: Initiator
}

/** Who calls. */
export type Account = {
  readonly kind: "key" | "person"
  /** As the audit log names it: `key:<uuid>` or `person:<uuid>`. */
  readonly actor: string
  /** What it may do in the app that it speaks for, or anywhere where it speaks for none. */
  readonly permissions: ReadonlySet<Permission>
  /** The apps that it may see; null: every one. */
  readonly appIds: readonly string[] | null
  /** Of a person, in this request. */
  readonly person: Person | null
}

/** Who calls, and for which app. */
export type Caller = Account & {
  readonly appId: string
  readonly ledgerId: string
  readonly identifierSalt: Hex
  /** Of the same bytes, for the hashes of requests. */
  readonly requestKey: HmacSha256
}

export type KnownKey = {
  readonly keyId: string
  readonly caller: Caller
  readonly expiresAt: Date | null
  /** null: from anywhere. */
  readonly allowedFrom: AddressList | null
}

export type ApiKeys = {
  /** @returns undefined for a key that is unknown, revoked or expired */
  find(apiKey: string): Promise<KnownKey | undefined>
  /** Somebody was let in with it: for `last_used_at`, to the minute. */
  noteUse(keyId: string): void
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
  const cache = new LRUCache<string, Promise<KnownKey | undefined>>({
    max: options.cachedMax,
    ttl: options.maxAgeMs,
  })
  // Of keys that there are not, apart: whoever tries many would push those that there are out of the other one.
  const misses = new LRUCache<string, true>({ max: options.cachedMax, ttl: options.maxAgeMs })
  const usedAt = new LRUCache<string, true>({ max: options.cachedMax, ttl: lastUsedEveryMs })

  async function read(keyHash: Buffer): Promise<KnownKey | undefined> {
    const row = await db
      .selectFrom("registry.api_keys as k")
      .innerJoin("registry.apps as a", "a.app_id", "k.app_id")
      .innerJoin("registry.ledgers as l", "l.ledger_id", "a.ledger_id")
      .select(["k.key_id", "k.app_id", "k.scopes", "k.expires_at", "k.is_of_installation"])
      .select(["a.ledger_id", "l.identifier_salt", sql<string[] | null>`k.allowed_from::text[]`.as("from")])
      .where("k.key_hash", "=", keyHash)
      .where("k.revoked_at", "is", null)
      .executeTakeFirst()
    if (row === undefined) return undefined
    return {
      keyId: row.key_id,
      expiresAt: row.expires_at,
      allowedFrom: row.from === null ? null : createAddressList(row.from),
      caller: {
        kind: "key",
        actor: `key:${row.key_id}`,
        permissions: permissionsOfKey(new Set(row.scopes), row.is_of_installation),
        appIds: row.is_of_installation ? null : [row.app_id],
        person: null,
        appId: row.app_id,
        ledgerId: row.ledger_id,
        identifierSalt: `0x${row.identifier_salt.toString("hex")}`,
        requestKey: hmacSha256(row.identifier_salt),
      },
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
      if (misses.has(cacheKey)) return undefined
      let found = cache.get(cacheKey)
      if (found === undefined) {
        found = read(Buffer.from(cacheKey, "base64"))
        cache.set(cacheKey, found)
        found.catch(() => cache.delete(cacheKey))
      }
      const key = await found
      if (key === undefined) {
        // Unless all was forgotten meanwhile: then it may be there by now.
        if (cache.get(cacheKey) === found) misses.set(cacheKey, true)
        cache.delete(cacheKey)
        return undefined
      }
      if (key.expiresAt !== null && key.expiresAt.getTime() <= Date.now()) return undefined
      return key
    },
    noteUse,
    clear() {
      cache.clear()
      misses.clear()
    },
  }
}

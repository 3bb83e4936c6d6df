import { randomUUID } from "node:crypto"
import { type Kysely, sql, type Transaction } from "kysely"
import type { Initiator } from "../../ledger/domain/operator-action.ts"
import { nameChange } from "../../ledger/registry/name-change.ts"
import { registryChangedChannel } from "../../ledger/store/channels.ts"
import type { App } from "../../ledger/store/create-app.ts"
import type { Database } from "../../ledger/store/database.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import type { Scope } from "../scopes.ts"
import { createApiKey, hashApiKey } from "./api-key.ts"

export type KeyRow = {
  readonly key_id: string
  readonly app_id: string
  readonly key_prefix: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly allowed_from: readonly string[] | null
  readonly is_of_installation: boolean
  readonly created_by: string
  readonly created_at: Date
  readonly expires_at: Date | null
  readonly revoked_at: Date | null
  readonly last_used_at: Date | null
  readonly replaced_by: string | null
  readonly ordinal: bigint
}

export type NewKey = {
  readonly name: string
  readonly scopes: readonly Scope[]
  /** null: from anywhere. */
  readonly allowedFrom: readonly string[] | null
  readonly expiresAt: Date | null
  readonly isOfInstallation: boolean
}

export type IssuedKey = {
  readonly row: KeyRow
  /** Shown once: only its hash is stored. */
  readonly secret: string
}

/** Everything but the hash. */
const columns = sql.raw(
  `key_id, app_id, key_prefix, name, scopes, allowed_from::text[] AS allowed_from, is_of_installation,
    created_by, created_at, expires_at, revoked_at, last_used_at, replaced_by, ordinal`,
)

export async function createKey(
  trx: Transaction<Database>,
  app: App,
  key: NewKey,
  initiator: Initiator,
): Promise<IssuedKey> {
  const issued = await insertKey(trx, app.appId, key, initiator)
  await recordAction(trx, {
    ...initiator,
    ledgerId: app.ledgerId,
    action: "key.created",
    subject: `key:${issued.row.key_id}`,
    after: describe(issued.row),
  })
  return issued
}

/** The app's keys, newest first, also those that have ended. */
export async function listKeys(
  db: Kysely<Database>,
  appId: string,
  before: bigint | null,
  limit: number,
): Promise<readonly KeyRow[]> {
  const { rows } = await sql<KeyRow>`
    SELECT ${columns} FROM registry.api_keys
    WHERE app_id = ${appId} AND (${before}::bigint IS NULL OR ordinal < ${before}::bigint)
    ORDER BY ordinal DESC LIMIT ${limit}`.execute(db)
  return rows
}

export type KeyRefusal =
  | { readonly refused: "UNKNOWN_KEY" }
  | { readonly refused: "KEY_ENDED"; readonly why: string }

/**
 * Issues a key in the place of another, which has its name, its scopes and its addresses and goes on working for `overlapMs`, or until its own end.
 * @param expiresAt of the new key; undefined: it lives as long as the old one was to
 */
export function rotateKey(
  db: Kysely<Database>,
  app: App,
  rotation: {
    readonly keyId: string
    readonly overlapMs: number
    readonly expiresAt: Date | null | undefined
    /** What concerns every app is rotated by who may do it himself. */
    readonly mayBeOfInstallation: boolean
  },
  initiator: Initiator,
): Promise<(IssuedKey & { readonly old: KeyRow }) | KeyRefusal> {
  const { keyId, overlapMs, mayBeOfInstallation } = rotation
  return db.transaction().execute(async (trx) => {
    const found = await lockKey(trx, app, keyId)
    if (found === undefined || (found.is_of_installation && !mayBeOfInstallation))
      return { refused: "UNKNOWN_KEY" }
    const ended = whyEnded(found, new Date())
    if (ended !== null) return { refused: "KEY_ENDED", why: ended }
    const { expires_at: end, created_at: began } = found
    const sameLifetime = end === null ? null : new Date(Date.now() + end.getTime() - began.getTime())
    const issued = await insertKey(
      trx,
      app.appId,
      {
        name: found.name,
        scopes: found.scopes as readonly Scope[],
        allowedFrom: found.allowed_from,
        expiresAt: rotation.expiresAt === undefined ? sameLifetime : rotation.expiresAt,
        isOfInstallation: found.is_of_installation,
      },
      initiator,
    )
    const { rows } = await sql<KeyRow>`
      UPDATE registry.api_keys SET replaced_by = ${issued.row.key_id},
        expires_at = least(expires_at, clock_timestamp() + interval '1 millisecond' * ${overlapMs})
      WHERE key_id = ${keyId} RETURNING ${columns}`.execute(trx)
    const [old] = rows
    if (old === undefined) return { refused: "UNKNOWN_KEY" }
    // The new one stands for the old one, with what was allowed to that.
    await nameChange(trx, initiator, { reason: `the key ${keyId} was rotated` })
    await sql`
      INSERT INTO registry.key_rate_limits (key_id, requests_per_second, burst)
      SELECT ${issued.row.key_id}, requests_per_second, burst FROM registry.key_rate_limits WHERE key_id = ${keyId}`.execute(
      trx,
    )
    await recordAction(trx, {
      ...initiator,
      ledgerId: app.ledgerId,
      action: "key.rotated",
      subject: `key:${keyId}`,
      before: describe(found),
      after: { ...describe(old), replaced_by: issued.row.key_id, replacement: describe(issued.row) },
    })
    await announce(trx)
    return { ...issued, old }
  })
}

/** Ends a key at once. One that was revoked before stays as it is. */
export function revokeKey(
  db: Kysely<Database>,
  app: App,
  keyId: string,
  mayBeOfInstallation: boolean,
  initiator: Initiator,
): Promise<KeyRow | KeyRefusal> {
  return db.transaction().execute(async (trx) => {
    const found = await lockKey(trx, app, keyId)
    if (found === undefined || (found.is_of_installation && !mayBeOfInstallation))
      return { refused: "UNKNOWN_KEY" }
    if (found.revoked_at !== null) return found
    const { rows } = await sql<KeyRow>`
      UPDATE registry.api_keys SET revoked_at = clock_timestamp() WHERE key_id = ${keyId} RETURNING ${columns}`.execute(
      trx,
    )
    const [row] = rows
    if (row === undefined) return { refused: "UNKNOWN_KEY" }
    await recordAction(trx, {
      ...initiator,
      ledgerId: app.ledgerId,
      action: "key.revoked",
      subject: `key:${keyId}`,
      before: describe(found),
      after: describe(row),
    })
    await announce(trx)
    return row
  })
}

/** Why a key lets nobody in any more; null while it does. */
export function whyEnded(
  key: Pick<KeyRow, "revoked_at" | "expires_at" | "replaced_by">,
  now: Date,
): string | null {
  if (key.revoked_at !== null) return `it was revoked at ${key.revoked_at.toISOString()}`
  if (key.expires_at !== null && key.expires_at <= now) return `it ended at ${key.expires_at.toISOString()}`
  if (key.replaced_by !== null) return `the key ${key.replaced_by} was issued in its place`
  return null
}

async function insertKey(
  trx: Transaction<Database>,
  appId: string,
  key: NewKey,
  initiator: Initiator,
): Promise<IssuedKey> {
  const secret = createApiKey()
  const { rows } = await sql<KeyRow>`
    INSERT INTO registry.api_keys
      (key_id, app_id, key_hash, key_prefix, name, scopes, allowed_from, is_of_installation, expires_at, created_by)
    VALUES (${randomUUID()}, ${appId}, ${hashApiKey(secret)}, ${secret.slice(0, 8)}, ${key.name}, ${[...key.scopes]}::text[],
      ${key.allowedFrom === null ? null : [...key.allowedFrom]}::cidr[], ${key.isOfInstallation}, ${key.expiresAt}, ${initiator.actor})
    RETURNING ${columns}`.execute(trx)
  const [row] = rows
  if (row === undefined) throw new TypeError("a key was not stored")
  return { row, secret }
}

async function lockKey(
  trx: Transaction<Database>,
  { appId }: App,
  keyId: string,
): Promise<KeyRow | undefined> {
  const { rows } = await sql<KeyRow>`
    SELECT ${columns} FROM registry.api_keys WHERE app_id = ${appId} AND key_id = ${keyId} FOR UPDATE`.execute(
    trx,
  )
  return rows[0]
}

/** Other processes forget what they know of keys. */
async function announce(trx: Transaction<Database>): Promise<void> {
  await sql`SELECT pg_notify(${registryChangedChannel}, '')`.execute(trx)
}

function describe(row: KeyRow): Record<string, unknown> {
  const { name, scopes, allowed_from, is_of_installation, expires_at, revoked_at } = row
  return { name, scopes, allowed_from, is_of_installation, expires_at, revoked_at }
}

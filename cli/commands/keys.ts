import { type Kysely, sql } from "kysely"
import {
  createKey,
  type IssuedKey,
  type KeyRefusal,
  type KeyRow,
  listKeys,
  revokeKey,
  rotateKey,
} from "../../api/identity/key-store.ts"
import { presentApiKey } from "../../api/presenters/api-key.ts"
import type { Scope } from "../../api/scopes.ts"
import type { App } from "../../ledger/store/create-app.ts"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError, unreachable } from "../../platform/errors.ts"
import { ensureApp } from "../registry/ensure-app.ts"
import { commandInitiator } from "./command-initiator.ts"
import { withDatabase } from "./open-database.ts"

type Options = { readonly dataDir: string }

export type CreateKeyOptions = Options & {
  readonly app: string
  readonly scope: readonly Scope[]
  readonly name?: string
  readonly allowFrom?: readonly string[]
  readonly expires?: Date
  readonly installation?: boolean
}

/** `chainbridge keys create`: the key is printed this once and stored as a hash. */
export async function createKeyCommand(options: CreateKeyOptions): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const app = await ensureApp(db, options.app, commandInitiator())
    const key = {
      name: options.name ?? "",
      scopes: options.scope,
      allowedFrom: options.allowFrom ?? null,
      expiresAt: options.expires ?? null,
      isOfInstallation: options.installation ?? false,
    }
    const { secret } = await db.transaction().execute((trx) => createKey(trx, app, key, commandInitiator()))
    process.stdout.write(`${secret}\n`)
  })
}

/** `chainbridge keys list`: every key with what it may do and when it ends; nobody can be shown a key again. */
export async function listKeysCommand(options: Options & { readonly app?: string }): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const apps = await db.selectFrom("registry.apps").select(["app_id", "name"]).orderBy("ordinal").execute()
    const wanted = apps.filter(({ name }) => options.app === undefined || name === options.app)
    if (options.app !== undefined && wanted.length === 0)
      throw new ChainBridgeError("UNKNOWN_APP", `there is no app ${JSON.stringify(options.app)}`)
    for (const { app_id, name } of wanted) {
      const keys = await listKeys(db, app_id, null, 10_000)
      for (const key of keys) process.stdout.write(`${lineOf(name, key)}\n`)
    }
  })
}

/** `chainbridge keys rotate`: prints a new key, once; the old one works until the overlap is over. */
export async function rotateKeyCommand(
  keyId: string,
  options: Options & { readonly overlap: number },
): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const rotation = {
      ...{ keyId, overlapMs: options.overlap * 1_000 },
      ...{ expiresAt: undefined, mayBeOfInstallation: true },
    }
    const rotated = found(keyId, await rotateKey(db, await appOfKey(db, keyId), rotation, commandInitiator()))
    process.stderr.write(`the old key works until ${rotated.old.expires_at?.toISOString() ?? ""}\n`)
    process.stdout.write(`${rotated.secret}\n`)
  })
}

/** `chainbridge keys revoke`: the key is good for nothing from now on. */
export async function revokeKeyCommand(keyId: string, options: Options): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const revoked = await revokeKey(db, await appOfKey(db, keyId), keyId, true, commandInitiator())
    const { revoked_at: at } = found(keyId, revoked)
    process.stdout.write(`key ${keyId} was revoked at ${at?.toISOString() ?? ""}\n`)
  })
}

function found<Result extends KeyRow | IssuedKey>(keyId: string, result: Result | KeyRefusal): Result {
  if (!("refused" in result)) return result
  const { refused } = result
  switch (refused) {
    case "UNKNOWN_KEY":
      throw new ChainBridgeError(refused, `there is no key ${keyId}: keys list shows them`)
    case "KEY_ENDED":
      throw new ChainBridgeError(refused, `the key ${keyId} has ended: ${result.why}`)
    default:
      return unreachable(refused)
  }
}

async function appOfKey(db: Kysely<Database>, keyId: string): Promise<App> {
  const { rows } = await sql<{ app_id: string; ledger_id: string }>`
    SELECT a.app_id, a.ledger_id FROM registry.api_keys k JOIN registry.apps a ON a.app_id = k.app_id
    WHERE k.key_id::text = ${keyId}`.execute(db)
  const [row] = rows
  if (row === undefined)
    throw new ChainBridgeError("UNKNOWN_KEY", `there is no key ${keyId}: keys list shows them`)
  return { appId: row.app_id, ledgerId: row.ledger_id }
}

function lineOf(app: string, row: KeyRow): string {
  const key = presentApiKey(row)
  const parts = [
    key.key_id,
    app,
    `${key.key_prefix}…`,
    key.status,
    key.scopes.join(" "),
    ...(key.is_of_installation ? ["of the installation"] : []),
    ...(key.allowed_from === null ? [] : [`from ${key.allowed_from.join(" ")}`]),
    ...(key.expires_at === null ? [] : [`ends ${key.expires_at}`]),
    `last used ${key.last_used_at ?? "never"}`,
  ]
  return [...parts, ...(key.name === "" ? [] : [JSON.stringify(key.name)])].join(", ")
}

import { randomBytes, randomUUID } from "node:crypto"
import type { Kysely } from "kysely"
import { scopes } from "../../api/scopes.ts"
import { genesisHash } from "../../ledger/domain/event-encoding.ts"
import type { Database } from "../../ledger/store/database.ts"
import { hashApiKey } from "./api-key.ts"

export type App = { readonly appId: string; readonly ledgerId: string }

/** The app of that name with its ledger; makes both when there is none. */
export function ensureApp(db: Kysely<Database>, name: string): Promise<App & { readonly isNew: boolean }> {
  return db.transaction().execute(async (trx) => {
    const known = await trx
      .selectFrom("registry.apps")
      .selectAll()
      .where("name", "=", name)
      .executeTakeFirst()
    if (known !== undefined) return { appId: known.app_id, ledgerId: known.ledger_id, isNew: false }
    const app = { appId: randomUUID(), ledgerId: randomUUID() }
    await trx
      .insertInto("registry.ledgers")
      .values({ ledger_id: app.ledgerId, name, identifier_salt: randomBytes(32) })
      .execute()
    await trx
      .insertInto("registry.apps")
      .values({ app_id: app.appId, ledger_id: app.ledgerId, name })
      .execute()
    await trx
      .insertInto("ledger.head")
      .values({
        ledger_id: app.ledgerId,
        position: 0n,
        hash: genesisHash,
        account_count: 0n,
        batch_count: 0n,
      })
      .execute()
    return { ...app, isNew: true }
  })
}

/** Lets a key in, with every scope unless told which; a key that is let in already stays as it is. */
export async function ensureApiKey(
  db: Kysely<Database>,
  app: App,
  key: string,
  granted: readonly string[] = scopes,
): Promise<void> {
  await db
    .insertInto("registry.api_keys")
    .values({
      key_id: randomUUID(),
      app_id: app.appId,
      key_hash: hashApiKey(key),
      key_prefix: key.slice(0, 8),
      scopes: [...granted],
      expires_at: null,
      revoked_at: null,
      last_used_at: null,
    })
    .onConflict((conflict) => conflict.column("key_hash").doNothing())
    .execute()
}

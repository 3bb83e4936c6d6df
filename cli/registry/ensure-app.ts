import { randomUUID } from "node:crypto"
import type { Kysely } from "kysely"
import { hashApiKey } from "../../api/identity/api-key.ts"
import { scopes } from "../../api/scopes.ts"
import type { Initiator } from "../../ledger/domain/operator-action.ts"
import { type App, createApp } from "../../ledger/store/create-app.ts"
import type { Database } from "../../ledger/store/database.ts"
import { recordAction } from "../../ledger/store/record-action.ts"

/** The app of that name with its ledger; makes both when there is none. */
export function ensureApp(
  db: Kysely<Database>,
  name: string,
  /** Whom the audit log names. */
  initiator?: Initiator,
): Promise<App & { readonly isNew: boolean }> {
  return db.transaction().execute(async (trx) => {
    const known = await trx
      .selectFrom("registry.apps")
      .selectAll()
      .where("name", "=", name)
      .executeTakeFirst()
    if (known !== undefined) return { appId: known.app_id, ledgerId: known.ledger_id, isNew: false }
    const app = await createApp(trx, name)
    if (initiator !== undefined) {
      const after = { app_id: app.appId, name }
      const subject = `app:${app.appId}`
      await recordAction(trx, { ...initiator, ledgerId: null, action: "app.created", subject, after })
    }
    return { ...app, isNew: true }
  })
}

/**
 * Lets a key in, with every scope unless told which; a key that is let in already keeps what it may do.
 * @param isOfInstallation whether it may do what concerns every app; of a known key that is made so
 */
export async function ensureApiKey(
  db: Kysely<Database>,
  app: App,
  key: string,
  granted: readonly string[] = scopes,
  isOfInstallation = false,
): Promise<void> {
  await db
    .insertInto("registry.api_keys")
    .values({
      key_id: randomUUID(),
      app_id: app.appId,
      key_hash: hashApiKey(key),
      key_prefix: key.slice(0, 8),
      scopes: [...granted],
      is_of_installation: isOfInstallation,
      expires_at: null,
      revoked_at: null,
      last_used_at: null,
    })
    .onConflict((conflict) =>
      isOfInstallation
        ? conflict.column("key_hash").doUpdateSet({ is_of_installation: true })
        : conflict.column("key_hash").doNothing(),
    )
    .execute()
}

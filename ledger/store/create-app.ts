import { randomBytes, randomUUID } from "node:crypto"
import type { Transaction } from "kysely"
import { genesisHash } from "../domain/event-encoding.ts"
import type { Database } from "./database.ts"

export type App = { readonly appId: string; readonly ledgerId: string }

/** An app with its ledger, which is empty. A name that is taken fails the transaction by the constraint `apps_name_key` or `ledgers_name_key`. */
export async function createApp(trx: Transaction<Database>, name: string): Promise<App> {
  const app = { appId: randomUUID(), ledgerId: randomUUID() }
  await trx
    .insertInto("registry.ledgers")
    .values({ ledger_id: app.ledgerId, name, identifier_salt: randomBytes(32) })
    .execute()
  await trx.insertInto("registry.apps").values({ app_id: app.appId, ledger_id: app.ledgerId, name }).execute()
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
  return app
}

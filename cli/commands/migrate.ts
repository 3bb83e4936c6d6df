import { migrate } from "../../ledger/migrations/migrate.ts"
import { ensureLoginUsers } from "../stack/login-users.ts"
import { findDatabaseUrl } from "./open-database.ts"

/** `chainbridge migrate`: also makes the users that the roles log in as, where their passwords are given. */
export async function migrateCommand(options: { readonly dataDir: string }): Promise<void> {
  const ownerUrl = await findDatabaseUrl(options.dataDir)
  const { applied } = await migrate(ownerUrl)
  process.stdout.write(applied.length === 0 ? "nothing to do\n" : `applied ${applied.join(", ")}\n`)
  const appPassword = process.env["CHAINBRIDGE_APP_PASSWORD"]
  const indexerPassword = process.env["CHAINBRIDGE_INDEXER_PASSWORD"]
  if (!appPassword || !indexerPassword) return
  const users = { appUser: "chainbridge_app_login", indexerUser: "chainbridge_indexer_login" }
  await ensureLoginUsers({ ownerUrl, ...users, appPassword, indexerPassword })
  process.stdout.write(`users ${users.appUser} and ${users.indexerUser} may log in\n`)
}

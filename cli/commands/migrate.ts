import { migrate } from "../../ledger/migrations/migrate.ts"
import { findDatabaseUrl } from "./open-database.ts"

/** `chainbridge migrate` */
export async function migrateCommand(options: { readonly dataDir: string }): Promise<void> {
  const { applied } = await migrate(findDatabaseUrl(options.dataDir))
  process.stdout.write(applied.length === 0 ? "nothing to do\n" : `applied ${applied.join(", ")}\n`)
}

import type { Scope } from "../../api/scopes.ts"
import { createApiKey } from "../registry/api-key.ts"
import { ensureApiKey, ensureApp } from "../registry/ensure-app.ts"
import { withDatabase } from "./open-database.ts"

/** `chainbridge keys create`: the key is printed this once and stored as a hash. */
export async function createKeyCommand(options: {
  readonly dataDir: string
  readonly app: string
  readonly scope: readonly Scope[]
}): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const key = createApiKey()
    await ensureApiKey(db, await ensureApp(db, options.app), key, options.scope)
    process.stdout.write(`${key}\n`)
  })
}

import { resolve } from "node:path"
import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { readStackFile } from "../stack/stack-file.ts"

/** The database a command works on: DATABASE_URL, or that of the stack in the data directory. */
export function findDatabaseUrl(dataDirectory: string): string {
  const given = process.env["DATABASE_URL"]
  if (given !== undefined && given !== "") return given
  const stack = readStackFile(resolve(dataDirectory))
  if (stack !== undefined) return stack.database_url
  throw new ChainBridgeError(
    "NO_DATABASE",
    `there is no stack in ${resolve(dataDirectory)}: start one with npm start, name its --data-dir, or set DATABASE_URL`,
  )
}

/** Runs `work` on that database and closes it. */
export async function withDatabase<Result>(
  dataDirectory: string,
  work: (db: Kysely<Database>) => Promise<Result>,
): Promise<Result> {
  const pool = createPool({
    databaseUrl: findDatabaseUrl(dataDirectory),
    applicationName: "chainbridge-command",
    connectionsMax: 2,
  })
  try {
    return await work(createKysely<Database>(pool))
  } finally {
    await pool.end()
  }
}

import { resolve } from "node:path"
import type { Kysely } from "kysely"
import pg from "pg"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { checkDatabaseUrl, databaseUnreachable } from "../stack/database-url.ts"
import { readStackFile } from "../stack/stack-file.ts"

/**
 * The database a command works on: DATABASE_URL, or that of the stack in the data directory. It has answered.
 * @throws ChainBridgeError NO_DATABASE, STACK_NOT_RUNNING, CONFIG_INVALID, DATABASE_UNREACHABLE
 */
export async function findDatabaseUrl(dataDirectory: string): Promise<string> {
  const given = process.env["DATABASE_URL"]
  if (given !== undefined && given !== "") {
    const url = checkDatabaseUrl(given)
    await tryDatabase(url, (error) => databaseUnreachable(url, error))
    return url
  }
  const directory = resolve(dataDirectory)
  const stack = readStackFile(directory)
  if (stack === undefined) {
    throw new ChainBridgeError(
      "NO_DATABASE",
      `there is no stack in ${directory}: start one with npm start, name its --data-dir, or set DATABASE_URL`,
    )
  }
  await tryDatabase(stack.database_url, (cause) =>
    // What a server says itself is another matter.
    cause instanceof pg.DatabaseError
      ? new ChainBridgeError("DATABASE_UNREACHABLE", `the database of the stack in ${directory} refuses us`, {
          cause,
        })
      : new ChainBridgeError(
          "STACK_NOT_RUNNING",
          `the stack in ${directory} is not running: npm start, or set DATABASE_URL`,
        ),
  )
  return stack.database_url
}

async function tryDatabase(url: string, explain: (error: unknown) => ChainBridgeError): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on("error", () => undefined)
  try {
    await client.connect()
  } catch (error) {
    throw explain(error)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Runs `work` on that database and closes it. */
export async function withDatabase<Result>(
  dataDirectory: string,
  work: (db: Kysely<Database>) => Promise<Result>,
): Promise<Result> {
  const pool = createPool({
    databaseUrl: await findDatabaseUrl(dataDirectory),
    applicationName: "chainbridge-command",
    connectionsMax: 2,
  })
  try {
    return await work(createKysely<Database>(pool))
  } finally {
    await pool.end()
  }
}

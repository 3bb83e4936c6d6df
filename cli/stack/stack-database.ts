import { existsSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import pg from "pg"
import { migrate } from "../../ledger/migrations/migrate.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { checkDatabaseUrl, databaseUnreachable } from "./database-url.ts"
import { choosePort } from "./free-port.ts"
import { keepRunning } from "./keep-running.ts"
import { ensureLoginUsers, findOthersUser } from "./login-users.ts"
import { startPostgresCluster } from "./postgres-cluster.ts"
import type { StackSecrets } from "./secrets.ts"
import type { Guard } from "./start-guard.ts"

export type StackDatabase = {
  readonly ownerUrl: string
  readonly appUrl: string
  readonly indexerUrl: string
  readonly migrationsApplied: number
}

export type EmbeddedPostgresOptions = {
  readonly guard: Guard
  readonly dataDirectory: string
  readonly password: string
  readonly preferredPort: number | undefined
  readonly onPid: (pid: number) => void
}

const PAUSE_MS = 500
const FIRST_ATTEMPTS_MAX = 4

/**
 * The embedded PostgreSQL with its database `chainbridge`; answers the owner's URL. A server that ends unasked is
 * started again on the same port, at most ten times without a healthy minute: everybody who uses it reconnects.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions & {
    readonly isStopping: () => boolean
    readonly onNote: (message: string) => void
    readonly onGivenUp: (error: ChainBridgeError) => void
  },
): Promise<string> {
  const { guard, dataDirectory } = options
  const port = await choosePort(options.preferredPort)
  const start = async () => {
    const cluster = await startPostgresCluster({
      guard,
      directory: join(dataDirectory, "postgres"),
      port,
      password: options.password,
      logFile: join(dataDirectory, "logs", "postgres.log"),
    })
    options.onPid(cluster.pid)
    return cluster
  }
  const cluster = await startAfterCrash(start, join(dataDirectory, "postgres"))
  const url = new URL(cluster.adminUrl)
  url.pathname = "/chainbridge"
  await createDatabase(cluster.adminUrl, "chainbridge")
  keepRunning({
    ...{ guard, start, name: "postgres", label: "PostgreSQL", errorCode: "POSTGRES_FAILED" },
    ...{ isStopping: options.isStopping, onNote: options.onNote, onGivenUp: options.onGivenUp },
  })
  return url.toString()
}

/** After a kill -9 the last server's sessions may take a moment to notice, and nobody else gets its memory until then. */
async function startAfterCrash<Cluster>(start: () => Promise<Cluster>, directory: string): Promise<Cluster> {
  const attemptsMax = existsSync(directory) ? FIRST_ATTEMPTS_MAX : 1
  for (let attempt = 1; ; attempt++) {
    try {
      return await start()
    } catch (error) {
      if (attempt >= attemptsMax) throw error
      await sleep(PAUSE_MS * attempt)
    }
  }
}

async function createDatabase(adminUrl: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    const known = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [name])
    if (known.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
}

/**
 * Checks that a PostgreSQL that was given to us answers, is new enough, and has no other system's logins, which would be
 * locked out by ours. Users belong to all databases of a server.
 * @throws ChainBridgeError CONFIG_INVALID, DATABASE_UNREACHABLE, DATABASE_TOO_OLD, DATABASE_IN_USE
 */
export async function checkExternalDatabase(
  given: string,
  secrets: Pick<StackSecrets, "app_password" | "indexer_password">,
): Promise<string> {
  const ownerUrl = checkDatabaseUrl(given)
  const client = new pg.Client({ connectionString: ownerUrl, connectionTimeoutMillis: 10_000 })
  client.on("error", () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ version: number }>(
      "SELECT current_setting('server_version_num')::int AS version",
    )
    const version = rows[0]?.version ?? 0
    if (version < 150_000) {
      throw new ChainBridgeError(
        "DATABASE_TOO_OLD",
        `PostgreSQL 15 or newer is needed, DATABASE_URL has ${version}`,
      )
    }
  } catch (cause) {
    if (cause instanceof ChainBridgeError) throw cause
    throw databaseUnreachable(ownerUrl, cause)
  } finally {
    await client.end().catch(() => undefined)
  }
  const locked = await findOthersUser(ownerUrl, loginsOf(secrets))
  if (locked === undefined) return ownerUrl
  throw new ChainBridgeError(
    "DATABASE_IN_USE",
    `the server of DATABASE_URL has a user ${locked} with another password than this data directory's, and whoever logs in as it would be locked out: start with the directory that it was made by, or give it the passwords in this one's secrets.json with chainbridge migrate (CHAINBRIDGE_APP_PASSWORD, CHAINBRIDGE_INDEXER_PASSWORD)`,
  )
}

function loginsOf(secrets: Pick<StackSecrets, "app_password" | "indexer_password">) {
  return {
    appUser: "chainbridge_app_login",
    appPassword: secrets.app_password,
    indexerUser: "chainbridge_indexer_login",
    indexerPassword: secrets.indexer_password,
  }
}

/** Brings the schema up to date and makes the users that the processes log in as. */
export async function prepareDatabase(ownerUrl: string, secrets: StackSecrets): Promise<StackDatabase> {
  const { applied } = await migrate(ownerUrl)
  const urls = await ensureLoginUsers({ ownerUrl, ...loginsOf(secrets) })
  return { ownerUrl, ...urls, migrationsApplied: applied.length }
}

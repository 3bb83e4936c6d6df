import { randomBytes } from "node:crypto"
import { mkdtempSync, readFileSync } from "node:fs"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import pg from "pg"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { ensureLoginUsers } from "../../cli/stack/login-users.ts"
import { startPostgresCluster } from "../../cli/stack/postgres-cluster.ts"
import { startGuard } from "../../cli/stack/start-guard.ts"
import { migrate } from "../../ledger/migrations/migrate.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { seedApp, seedRegistry } from "../support/seed-registry.ts"

export type BenchDatabase = {
  readonly ownerUrl: string
  /** What our processes log in as. */
  readonly appUrl: string
  readonly tokenId: number
  /** Two apps, each with a ledger of its own. */
  readonly ledgers: readonly { readonly ledgerId: string; readonly apiKey: string }[]
}

export type BenchCluster = {
  /** For the logs of whatever works on the cluster. */
  readonly directory: string
  /** The process that all others of PostgreSQL are children of. */
  readonly pid: number
  /** Versions and settings that the figures depend on, in one line. */
  describe(): Promise<string>
  /** An empty database; answers its owner's URL. */
  createEmptyDatabase(name: string): Promise<string>
  /** A database with our schema, the shipped registry and two ledgers. */
  createDatabase(name: string): Promise<BenchDatabase>
  close(): Promise<void>
}

/** A PostgreSQL of the bench's own, as `start` runs it: with its shipped settings and durable commits. It is deleted at the end. */
export async function startBenchCluster(): Promise<BenchCluster> {
  const directory = mkdtempSync(join(tmpdir(), "chainbridge-bench-"))
  const guard = await startGuard()
  guard.removeAtEnd(directory)
  const { adminUrl } = await startPostgresCluster({
    guard,
    directory: join(directory, "postgres"),
    port: await findFreePort(),
    password: randomBytes(16).toString("hex"),
    logFile: join(directory, "postgres.log"),
  })

  async function createEmptyDatabase(name: string): Promise<string> {
    await withClient(adminUrl, (admin) => admin.query(`CREATE DATABASE ${admin.escapeIdentifier(name)}`))
    const url = new URL(adminUrl)
    url.pathname = `/${name}`
    return url.toString()
  }

  const [pid] = readFileSync(join(directory, "postgres", "postmaster.pid"), "utf8").split("\n")
  return {
    directory,
    pid: Number(pid),
    createEmptyDatabase,
    describe: () => withClient(adminUrl, describe),
    async createDatabase(name) {
      const ownerUrl = await createEmptyDatabase(name)
      await migrate(ownerUrl)
      const { appUrl } = await ensureLoginUsers({
        ownerUrl,
        appUser: "bench_app",
        appPassword: "bench",
        indexerUser: "bench_indexer",
        indexerPassword: "bench",
      })
      const db = createKysely<Database>(
        createPool({ databaseUrl: appUrl, applicationName: "bench", connectionsMax: 2 }),
      )
      try {
        const { tokens, ...first } = await seedRegistry(db)
        const second = await seedApp(db)
        const ledgers = [first, second].map(({ app, apiKey }) => ({ ledgerId: app.ledgerId, apiKey }))
        return { ownerUrl, appUrl, tokenId: tokens.cpop.tokenId, ledgers }
      } finally {
        await db.destroy()
      }
    },
    close: () => guard.close(),
  }
}

export async function withClient<Result>(
  url: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const settings = ["fsync", "synchronous_commit", "shared_buffers", "wal_sync_method", "data_checksums"]

async function describe(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ name: string; value: string }>(
    "SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name",
    [["server_version", ...settings]],
  )
  const [version, ...others] = rows
  const said = others.map(({ name, value }) => `${name} ${value}`).join(", ")
  return `Node ${process.version}, PostgreSQL ${version?.value}, ${said}, load average ${loadText()}`
}

export function loadText(): string {
  return loadavg()
    .map((load) => load.toFixed(2))
    .join(" ")
}

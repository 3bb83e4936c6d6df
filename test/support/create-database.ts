import { randomBytes } from "node:crypto"
import pg from "pg"
import { ensureLoginUsers } from "../../cli/stack/login-users.ts"
import { migrate } from "../../ledger/migrations/migrate.ts"

export type TestDatabase = {
  /** Owner of the schemas, for migrations and for looking at what the app may not see. */
  readonly ownerUrl: string
  /** What our processes log in as (member of chainbridge_app). */
  readonly appUrl: string
  /** What Ponder logs in as (member of chainbridge_indexer). */
  readonly indexerUrl: string
  drop(): Promise<void>
}

// Roles belong to the whole server: two files that make them at once would fail each other.
const SETUP_LOCK = 4_206_900_001

/** A fresh database with all migrations, in the server of `adminUrl`. */
export async function createDatabase(adminUrl: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString("hex")}`
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  const ownerUrl = url.toString()
  const urls = await withAdmin(adminUrl, async (admin) => {
    await admin.query("SELECT pg_advisory_lock($1)", [SETUP_LOCK])
    await admin.query(`CREATE DATABASE ${name}`)
    await migrate(ownerUrl)
    return await ensureLoginUsers({
      ownerUrl,
      appUser: "chainbridge_test_app",
      appPassword: "test",
      indexerUser: "chainbridge_test_indexer",
      indexerPassword: "test",
    })
  })
  return {
    ownerUrl,
    ...urls,
    drop: () =>
      withAdmin(adminUrl, async (admin) => {
        await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      }),
  }
}

async function withAdmin<Result>(url: string, work: (admin: pg.Client) => Promise<Result>): Promise<Result> {
  const admin = new pg.Client({ connectionString: url })
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.end()
  }
}

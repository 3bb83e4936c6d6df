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

const logins = {
  appUser: "chainbridge_test_app",
  appPassword: "test",
  indexerUser: "chainbridge_test_indexer",
  indexerPassword: "test",
}

/** A fresh database with all migrations, in the server of `adminUrl`. */
export async function createDatabase(adminUrl: string): Promise<TestDatabase> {
  const { name, ownerUrl } = newDatabase(adminUrl)
  const urls = await withAdmin(adminUrl, async (admin) => {
    await admin.query("SELECT pg_advisory_lock($1)", [SETUP_LOCK])
    await admin.query(`CREATE DATABASE ${name}`)
    await migrate(ownerUrl)
    return await ensureLoginUsers({ ownerUrl, ...logins })
  })
  return { ownerUrl, ...urls, drop: () => dropDatabase(adminUrl, name) }
}

export type DatabaseTemplate = {
  readonly name: string
  /** Of the template itself, which nobody can connect to: what a copy's differ from in the name of the database. */
  readonly urls: { readonly ownerUrl: string; readonly appUrl: string; readonly indexerUrl: string }
}

/** A database with all migrations that is there to be copied: a copy costs a tenth of the migrations. */
export async function createTemplate(adminUrl: string): Promise<DatabaseTemplate> {
  const { ownerUrl, appUrl, indexerUrl } = await createDatabase(adminUrl)
  const name = new URL(ownerUrl).pathname.slice(1)
  // A copy is refused while anybody is connected to what is copied.
  await withAdmin(adminUrl, (admin) => admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`))
  return { name, urls: { ownerUrl, appUrl, indexerUrl } }
}

export async function copyTemplate(adminUrl: string, template: DatabaseTemplate): Promise<TestDatabase> {
  const { name } = newDatabase(adminUrl)
  await withAdmin(adminUrl, async (admin) => {
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template.name}`)
    // What is granted on a database is not copied with it.
    await admin.query(`GRANT CREATE ON DATABASE ${name} TO ${logins.indexerUser}`)
  })
  const { ownerUrl, appUrl, indexerUrl } = template.urls
  return {
    ownerUrl: inDatabase(ownerUrl, name),
    appUrl: inDatabase(appUrl, name),
    indexerUrl: inDatabase(indexerUrl, name),
    drop: () => dropDatabase(adminUrl, name),
  }
}

function newDatabase(adminUrl: string): { name: string; ownerUrl: string } {
  const name = `test_${randomBytes(6).toString("hex")}`
  return { name, ownerUrl: inDatabase(adminUrl, name) }
}

function inDatabase(url: string, name: string): string {
  const changed = new URL(url)
  changed.pathname = `/${name}`
  return changed.toString()
}

export async function dropDatabase(adminUrl: string, name: string): Promise<void> {
  await withAdmin(adminUrl, (admin) => admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
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

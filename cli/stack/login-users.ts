import pg from "pg"
import { urlOfUser } from "./database-url.ts"

export type LoginUsers = {
  /** Connection of the database's owner; must be allowed to create users. */
  readonly ownerUrl: string
  readonly appUser: string
  readonly appPassword: string
  readonly indexerUser: string
  readonly indexerPassword: string
}

/**
 * Makes the two users that the processes log in as, members of the roles that the migrations grant to, and lets the
 * app read whatever views the indexer puts into schema `chain`. Runs again without harm; passwords are set anew.
 */
export async function ensureLoginUsers(users: LoginUsers): Promise<{ appUrl: string; indexerUrl: string }> {
  const urls = {
    appUrl: urlOfUser(users.ownerUrl, users.appUser, users.appPassword),
    indexerUrl: urlOfUser(users.ownerUrl, users.indexerUser, users.indexerPassword),
  }
  await withClient(users.ownerUrl, async (client) => {
    await ensureUser(client, users.appUser, users.appPassword, "chainbridge_app")
    await ensureUser(client, users.indexerUser, users.indexerPassword, "chainbridge_indexer")
    const database = client.escapeIdentifier(client.database ?? "")
    const indexer = client.escapeIdentifier(users.indexerUser)
    // The indexer makes one schema per build and its own ponder_sync.
    await client.query(`GRANT CREATE ON DATABASE ${database} TO ${indexer}`)
    await client.query(
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${indexer} IN SCHEMA chain GRANT SELECT ON TABLES TO chainbridge_app`,
    )
  })
  return urls
}

const wrongPassword = "28P01"

/** One of the users that is there and is not let in with our password: somebody else logs in with another one. */
export async function findOthersUser(
  ownerUrl: string,
  users: Omit<LoginUsers, "ownerUrl">,
): Promise<string | undefined> {
  for (const [user, password] of [
    [users.appUser, users.appPassword],
    [users.indexerUser, users.indexerPassword],
  ] as const) {
    const isThere = await withClient(ownerUrl, async (client) => {
      const { rowCount } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [user])
      return rowCount !== 0
    })
    if (!isThere) continue
    try {
      await withClient(urlOfUser(ownerUrl, user, password), async () => undefined)
    } catch (error) {
      // Whatever else keeps it out is not its password, and setting that anew harms nobody.
      if (error instanceof pg.DatabaseError && error.code === wrongPassword) return user
    }
  }
  return undefined
}

async function withClient<Result>(
  url: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on("error", () => undefined)
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function ensureUser(client: pg.Client, user: string, password: string, role: string): Promise<void> {
  const known = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [user])
  const verb = known.rowCount === 0 ? "CREATE" : "ALTER"
  const name = client.escapeIdentifier(user)
  await client.query(`${verb} ROLE ${name} LOGIN PASSWORD ${client.escapeLiteral(password)}`)
  await client.query(`GRANT ${role} TO ${name}`)
}

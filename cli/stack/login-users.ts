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
  const client = new pg.Client({ connectionString: users.ownerUrl })
  await client.connect()
  try {
    await ensureUser(client, users.appUser, users.appPassword, "chainbridge_app")
    await ensureUser(client, users.indexerUser, users.indexerPassword, "chainbridge_indexer")
    const database = client.escapeIdentifier(client.database ?? "")
    const indexer = client.escapeIdentifier(users.indexerUser)
    // The indexer makes one schema per build and its own ponder_sync.
    await client.query(`GRANT CREATE ON DATABASE ${database} TO ${indexer}`)
    await client.query(
      `ALTER DEFAULT PRIVILEGES FOR ROLE ${indexer} IN SCHEMA chain GRANT SELECT ON TABLES TO chainbridge_app`,
    )
  } finally {
    await client.end()
  }
  return urls
}

async function ensureUser(client: pg.Client, user: string, password: string, role: string): Promise<void> {
  const known = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [user])
  const verb = known.rowCount === 0 ? "CREATE" : "ALTER"
  const name = client.escapeIdentifier(user)
  await client.query(`${verb} ROLE ${name} LOGIN PASSWORD ${client.escapeLiteral(password)}`)
  await client.query(`GRANT ${role} TO ${name}`)
}

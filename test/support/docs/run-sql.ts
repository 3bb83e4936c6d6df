import pg from "pg"
import type { Example } from "./read-examples.ts"

/** Runs an SQL example as the database's owner, and leaves nothing of it behind. @throws what PostgreSQL says */
export async function runSql({ code }: Example, databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    await client.query("BEGIN")
    await client.query(code)
    await client.query("ROLLBACK")
  } finally {
    await client.end()
  }
}

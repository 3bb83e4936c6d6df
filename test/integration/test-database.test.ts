import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { TestDatabase } from "../support/create-database.ts"
import { createTestDatabase } from "../support/postgres.ts"

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

test("the app reads what the indexer publishes in schema chain, and cannot write there", async () => {
  const indexer = new pg.Client({ connectionString: database.indexerUrl })
  await indexer.connect()
  await indexer.query("CREATE SCHEMA indexer_test")
  await indexer.query("CREATE TABLE indexer_test.log (id text)")
  await indexer.query("CREATE VIEW chain.log AS SELECT * FROM indexer_test.log")
  await indexer.end()

  const app = new pg.Client({ connectionString: database.appUrl })
  await app.connect()
  await expect(app.query("SELECT count(*) FROM chain.log")).resolves.toMatchObject({ rowCount: 1 })
  await expect(app.query("INSERT INTO chain.log VALUES ('x')")).rejects.toMatchObject({ code: "42501" })
  await app.end()
})

test("the server syncs its commits to disk", async () => {
  const owner = new pg.Client({ connectionString: database.ownerUrl })
  await owner.connect()
  const { rows } = await owner.query("SELECT current_setting('fsync') AS fsync, version() AS version")
  await owner.end()
  expect(rows[0].fsync).toBe("on")
  expect(rows[0].version).toMatch(/^PostgreSQL 18/)
})

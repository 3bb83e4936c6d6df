import pg from "pg"
import { expect, test } from "vitest"
import { migrate } from "../../ledger/migrations/migrate.ts"
import { createTestDatabase } from "../support/postgres.ts"

test("a database that a newer version has brought up to date is refused by its name, and left as it is", async () => {
  const database = await createTestDatabase()
  const owner = new pg.Client(database.ownerUrl)
  await owner.connect()
  try {
    const newer =
      "INSERT INTO migrations.kysely_migration (name, timestamp) VALUES ('999-later', now()::text)"
    await owner.query(newer)
    await expect(migrate(database.ownerUrl)).rejects.toMatchObject({
      code: "DATABASE_TOO_NEW",
      message: expect.stringContaining("it has the migration 999-later, which this one does not know"),
    })
    await owner.query("DELETE FROM migrations.kysely_migration WHERE name = '999-later'")
    expect(await migrate(database.ownerUrl)).toEqual({ applied: [] })
  } finally {
    await owner.end()
    await database.drop()
  }
})

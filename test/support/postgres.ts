import { inject } from "vitest"
import { copyTemplate, type TestDatabase } from "./create-database.ts"

/** A fresh database with all migrations, in the run's PostgreSQL: a copy of the one that global-postgres.ts has made. */
export function createTestDatabase(): Promise<TestDatabase> {
  return copyTemplate(inject("adminDatabaseUrl"), inject("databaseTemplate"))
}

import { inject } from "vitest"
import { createDatabase, type TestDatabase } from "./create-database.ts"

/** A fresh database with all migrations, in the run's PostgreSQL (global-postgres.ts). */
export function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase(inject("adminDatabaseUrl"))
}

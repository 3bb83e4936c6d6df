import { randomBytes } from "node:crypto"
import { chmodSync, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestProject } from "vitest/node"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { startPostgresCluster } from "../../cli/stack/postgres-cluster.ts"
import { startGuard } from "../../cli/stack/start-guard.ts"
import { createTemplate, type DatabaseTemplate, dropDatabase } from "./create-database.ts"

declare module "vitest" {
  interface ProvidedContext {
    readonly adminDatabaseUrl: string
    readonly databaseTemplate: DatabaseTemplate
  }
}

/**
 * One real PostgreSQL 18 for the whole run: TEST_DATABASE_URL (a superuser's) or the embedded one in a temporary
 * directory. The guard stops it and deletes the directory when the run ends, also when it is killed.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env["TEST_DATABASE_URL"]
  if (given !== undefined && given !== "") {
    project.provide("adminDatabaseUrl", given)
    const template = await createTemplate(given)
    project.provide("databaseTemplate", template)
    return () => dropDatabase(given, template.name)
  }
  const directory = mkdtempSync(join(tmpdir(), "chainbridge-test-"))
  chmodSync(directory, 0o700)
  const guard = await startGuard()
  guard.removeAtEnd(directory)
  try {
    const cluster = await startPostgresCluster({
      guard,
      directory: join(directory, "postgres"),
      port: await findFreePort(),
      password: randomBytes(16).toString("hex"),
      logFile: join(directory, "postgres.log"),
    })
    project.provide("adminDatabaseUrl", cluster.adminUrl)
    project.provide("databaseTemplate", await createTemplate(cluster.adminUrl))
  } catch (error) {
    await guard.close()
    throw error
  }
  return () => guard.close()
}

import { runImports } from "../../api/imports/run-imports.ts"
import { createRegistryCache } from "../../api/registry/registry-cache.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"

/** What a test tells the process, as JSON in TEST_IMPORTS. */
export type ImportProcessOptions = {
  readonly databaseUrl: string
  readonly groupLines: number
  readonly leaseMs: number
}

const { databaseUrl, groupLines, leaseMs } = JSON.parse(
  process.env["TEST_IMPORTS"] ?? "{}",
) as ImportProcessOptions
const applicationName = "test-imports"
const logger = createLogger("imports", process.env["TEST_LOG_LEVEL"] ?? "silent")
const db = createKysely<Database>(createPool({ databaseUrl, applicationName, connectionsMax: 4 }))
const writerPool = createWriterPool({ databaseUrl, applicationName })
const registry = createRegistryCache({ db, logger, maxAgeMs: 1_000 })
runImports({ db, databaseUrl, writerPool, registry, logger, groupLines, leaseMs })
// The test that started us is gone.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"))

import { allProjections } from "../../ledger/projections/async/all-projections.ts"
import { runProjections } from "../../ledger/projections/async/run-projections.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"

/** What a worker's projections of a test are told, as JSON in TEST_PROJECTIONS. */
export type ProjectionProcessOptions = { readonly databaseUrl: string; readonly applicationName: string }

const options = JSON.parse(process.env["TEST_PROJECTIONS"] ?? "{}") as ProjectionProcessOptions
runProjections({
  db: createKysely<Database>(createPool({ ...options, connectionsMax: 8 })),
  logger: createLogger("projections"),
  projections: allProjections,
})
process.send?.("ready")
// The test that started us is gone.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"))

import { runWorker } from "../../ledger/run-worker.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { createChainClient } from "../../platform/rpc/chain-client.ts"

/** What a worker of a test is told, as JSON in TEST_WORKER. */
export type WorkerProcessOptions = {
  readonly databaseUrl: string
  readonly chainId: string
  readonly rpcUrl: string
}

const options = JSON.parse(process.env["TEST_WORKER"] ?? "{}") as WorkerProcessOptions
const chainId = BigInt(options.chainId)
runWorker({
  db: createKysely<Database>(
    createPool({ databaseUrl: options.databaseUrl, applicationName: "test-worker", connectionsMax: 6 }),
  ),
  databaseUrl: options.databaseUrl,
  logger: createLogger("worker"),
  chains: new Map([[chainId, createChainClient({ chainId, urls: [options.rpcUrl] })]]),
})
// The test that started us is gone.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"))

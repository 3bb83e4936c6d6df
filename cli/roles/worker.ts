import { runWorker } from "../../ledger/run-worker.ts"
import { runRole } from "../../platform/lifecycle.ts"
import { openChainClients } from "./chain-clients.ts"
import { openRole } from "./open-role.ts"

/** Confirmations and reconciliation, on every chain that has RPC endpoints here, and the projections. */
export async function runWorkerRole(): Promise<void> {
  const role = openRole("worker", 16)
  await runRole(async () => {
    await role.reachDatabase()
    const { db, databaseUrl, logger } = role
    const chains = await openChainClients(db)
    const worker = runWorker({ db, databaseUrl, logger, chains })
    role.beat(() => worker.status())
    return {
      details: { chains: chains.size },
      async stop() {
        await worker.stop()
        await role.close()
      },
    }
  }, role.logger)
}

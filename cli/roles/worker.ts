import { runWorker } from "../../ledger/run-worker.ts"
import { runRole } from "../../platform/lifecycle.ts"
import { openChainClients } from "./chain-clients.ts"
import { openRole } from "./open-role.ts"
import { readAuditKey } from "./read-audit-key.ts"

/**
 * Confirmations and reconciliation, on every chain that has RPC endpoints here, the projections, and checkpoints of every ledger where
 * AUDIT_SIGNING_KEY is set.
 */
export async function runWorkerRole(): Promise<void> {
  const role = openRole("worker", 16)
  const auditKey = readAuditKey()
  await runRole(async () => {
    await role.reachDatabase()
    const { db, databaseUrl, logger } = role
    const chains = await openChainClients(db)
    const worker = runWorker({ db, databaseUrl, logger, chains, auditKey })
    role.beat(() => worker.status())
    return {
      details: { chains: chains.size, audit_key: auditKey?.keyId ?? "none" },
      async stop() {
        await worker.stop()
        await role.close()
      },
    }
  }, role.logger)
}

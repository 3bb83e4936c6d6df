import { runImports } from "../../api/imports/run-imports.ts"
import { createRegistryCache } from "../../api/registry/registry-cache.ts"
import { runWorker } from "../../ledger/run-worker.ts"
import { watchPausedCopies } from "../../ledger/writer/watch-paused-copies.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { runRole } from "../../platform/lifecycle.ts"
import { openChainClients } from "./chain-clients.ts"
import { openRole } from "./open-role.ts"
import { readAuditKey } from "./read-audit-key.ts"

/** A reason or a token that was registered during an import counts from then on. */
const registryMaxAgeMs = 2_000

/**
 * Confirmations and reconciliation, on every chain that has RPC endpoints here, the projections, imports, and checkpoints of every ledger
 * where AUDIT_SIGNING_KEY is set.
 */
export async function runWorkerRole(): Promise<void> {
  const role = openRole("worker", 16)
  const auditKey = readAuditKey()
  await runRole(async () => {
    await role.reachDatabase()
    const { db, databaseUrl, logger } = role
    const chains = await openChainClients(db)
    const worker = runWorker({ db, databaseUrl, logger, chains, auditKey })
    const writerPool = createWriterPool({ databaseUrl, applicationName: "chainbridge-worker-writer" })
    const registry = createRegistryCache({ db, logger, maxAgeMs: registryMaxAgeMs })
    const imports = runImports({ db, databaseUrl, logger, writerPool, registry })
    const pausedCopies = watchPausedCopies({ db, logger })
    role.beat(() => ({ ...worker.status(), imports: imports.status() }))
    return {
      details: { chains: chains.size, audit_key: auditKey?.keyId ?? "none" },
      async stop() {
        await Promise.all([worker.stop(), imports.stop(), pausedCopies.stop()])
        await writerPool.end()
        await role.close()
      },
    }
  }, role.logger)
}

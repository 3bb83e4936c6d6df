import { runImports } from "../../api/imports/run-imports.ts"
import { createRegistryCache } from "../../api/registry/registry-cache.ts"
import { runWebhooks } from "../../api/webhooks/run-webhooks.ts"
import { createWebhookSettings } from "../../api/webhooks/webhook-settings.ts"
import { runWorker } from "../../ledger/run-worker.ts"
import { watchPausedCopies } from "../../ledger/writer/watch-paused-copies.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { runRole } from "../../platform/lifecycle.ts"
import { followChains } from "./follow-chains.ts"
import { openRole } from "./open-role.ts"
import { readAuditKey } from "./read-audit-key.ts"
import { readWebhookKeys } from "./read-webhook-keys.ts"

/** A reason or a token that was registered during an import counts from then on. */
const registryMaxAgeMs = 2_000

/**
 * Confirmations and reconciliation, on every chain that has RPC endpoints here, the projections, imports, and checkpoints of every ledger
 * where AUDIT_SIGNING_KEY is set. Webhooks are delivered where WEBHOOK_SECRET_KEY is.
 */
export async function runWorkerRole(): Promise<void> {
  const role = openRole("worker", 16)
  const auditKey = readAuditKey()
  const secretKeys = readWebhookKeys()
  await runRole(async () => {
    await role.reachDatabase()
    const { db, databaseUrl, logger } = role
    const worker = await followChains({
      db,
      databaseUrl,
      logger,
      name: "worker",
      start: (chains) => runWorker({ db, databaseUrl, logger, chains, auditKey }),
    })
    const writerPool = createWriterPool({ databaseUrl, applicationName: "chainbridge-worker-writer" })
    const registry = createRegistryCache({ db, logger, maxAgeMs: registryMaxAgeMs })
    const imports = runImports({ db, databaseUrl, logger, writerPool, registry })
    const { box } = createWebhookSettings({ secretKeys })
    const { version } = role
    const webhooks =
      box === null ? null : await runWebhooks({ db, databaseUrl, registry, logger, box, version })
    const pausedCopies = watchPausedCopies({ db, logger })
    role.beat(() => ({
      ...worker.current().status(),
      imports: imports.status(),
      webhooks: webhooks?.status() ?? "no_key",
    }))
    return {
      details: { chains: worker.chainCount(), audit_key: auditKey?.keyId ?? "none" },
      async stop() {
        await Promise.all([worker.stop(), imports.stop(), webhooks?.stop(), pausedCopies.stop()])
        await writerPool.end()
        await role.close()
      },
    }
  }, role.logger)
}

import { createRegistryCache } from "../../api/registry/registry-cache.ts"
import { runWebhooks } from "../../api/webhooks/run-webhooks.ts"
import { defaultSendLimits } from "../../api/webhooks/send-webhook.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { createSecretBox } from "../../platform/secret-box.ts"

/** What a test tells the process, as JSON in TEST_WEBHOOKS. */
export type WebhookProcessOptions = {
  readonly databaseUrl: string
  readonly secretKey: string
  readonly leaseMs: number
  readonly attemptMs: number
}

const { databaseUrl, secretKey, leaseMs, attemptMs } = JSON.parse(
  process.env["TEST_WEBHOOKS"] ?? "{}",
) as WebhookProcessOptions
const logger = createLogger("webhooks", process.env["TEST_LOG_LEVEL"] ?? "silent")
const db = createKysely<Database>(
  createPool({ databaseUrl, applicationName: "test-webhooks", connectionsMax: 6 }),
)
await runWebhooks({
  ...{ db, databaseUrl, logger, leaseMs, version: "0.0.0-test" },
  registry: createRegistryCache({ db, logger, maxAgeMs: 1_000 }),
  box: createSecretBox([Buffer.from(secretKey, "hex")]),
  limits: { ...defaultSendLimits, attemptMs },
})
process.send?.("ready")
// The test that started us is gone.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"))

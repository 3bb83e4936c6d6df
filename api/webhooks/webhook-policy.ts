import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { type AddressList, createAddressList } from "../../platform/address-list.ts"

/** What holds for every endpoint. */
export type WebhookPolicy = {
  readonly allowsHttp: boolean
  /** May be delivered to besides public addresses. */
  readonly allowedTargets: AddressList
  /** An endpoint that has done nothing but fail for so long is disabled. */
  readonly disableAfterMs: number
  /** Deliveries that have ended are kept for so long. */
  readonly logKeptMs: number
}

const dayMs = 86_400_000

/** What holds where the configuration was never applied; the same as in config/sync_config.yaml. */
const defaultPolicy: WebhookPolicy = {
  allowsHttp: false,
  allowedTargets: createAddressList([]),
  disableAfterMs: 5 * dayMs,
  logKeptMs: 30 * dayMs,
}

export async function readWebhookPolicy(db: Kysely<Database>): Promise<WebhookPolicy> {
  const { rows } = await sql<{
    allow_http: boolean
    targets: string[]
    disable_after_ms: bigint
    log_kept_ms: bigint
  }>`
    SELECT allow_http, allowed_targets::text[] AS targets, disable_after_ms, log_kept_ms FROM registry.webhook_policy`.execute(
    db,
  )
  const [row] = rows
  if (row === undefined) return defaultPolicy
  return {
    allowsHttp: row.allow_http,
    allowedTargets: createAddressList(row.targets),
    disableAfterMs: Number(row.disable_after_ms),
    logKeptMs: Number(row.log_kept_ms),
  }
}

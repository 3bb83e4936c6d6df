import type { Generated } from "kysely"

/** Tables of webhooks, part of {@link Database}. */
export type WebhookTables = {
  "registry.webhook_policy": {
    is_only_row: Generated<boolean>
    allow_http: boolean
    allowed_targets: string[]
    disable_after_ms: bigint
    log_kept_ms: bigint
  }
  "webhooks.endpoints": {
    endpoint_id: string
    ordinal: Generated<bigint>
    ledger_id: string
    url: string
    description: Generated<string>
    types: string[] | null
    user_id: string | null
    token_symbol: string | null
    chain_id: bigint | null
    is_enabled: Generated<boolean>
    disabled_because: WebhookEnd | null
    disabled_at: Date | null
    cursor_position: bigint
    next_attempt_at: Date | null
    failing_since: Date | null
    is_slow: Generated<boolean>
    version: Generated<number>
    lease_token: Generated<bigint>
    leased_until: Date | null
    created_by: string
    created_at: Generated<Date>
    changed_at: Generated<Date>
    deleted_at: Date | null
  }
  "webhooks.secrets": {
    secret_id: string
    endpoint_id: string
    sealed: Buffer
    created_at: Generated<Date>
    expires_at: Date | null
  }
  "webhooks.deliveries": {
    delivery_id: Generated<bigint>
    endpoint_id: string
    position: bigint | null
    type: string
    status: DeliveryStatus
    attempts: number
    retries: Generated<number>
    redelivery_requested_at: Date | null
    created_at: Generated<Date>
    settled_at: Date | null
  }
  "webhooks.attempts": {
    delivery_id: bigint
    attempt: number
    began_at: Date
    duration_ms: number
    response_status: number | null
    error: string | null
    excerpt: Generated<string>
    is_requested: boolean
  }
}

/** Why nothing is delivered to an endpoint: it was asked for, its receiver said so, or it has failed for too long. */
export type WebhookEnd = "request" | "gone" | "failing"

export const deliveryStatuses = ["waiting", "retrying", "succeeded", "dead"] as const
export type DeliveryStatus = (typeof deliveryStatuses)[number]

import { createSecretBox, type SecretBox } from "../../platform/secret-box.ts"
import type { WebhookOptions } from "../context.ts"
import { refuse } from "../refusal.ts"
import { createNameResolver, type ResolveName } from "./resolve-name.ts"

/** What the routes of webhooks share. */
export type WebhookSettings = {
  /** null: there can be no webhooks. */
  readonly box: SecretBox | null
  readonly resolve: ResolveName
}

export function createWebhookSettings({ secretKeys = [], resolve }: WebhookOptions): WebhookSettings {
  const [first, ...others] = secretKeys
  return {
    box: first === undefined ? null : createSecretBox([first, ...others]),
    resolve: resolve ?? createNameResolver(),
  }
}

export const webhooksUnavailable = refuse(
  "WEBHOOKS_UNAVAILABLE",
  null,
  "the API has no key to keep secrets under; the operator sets WEBHOOK_SECRET_KEY",
)

// What the package offers: the one place that gathers, as a package has one entry.
export { ChainBridgeClient } from "./chain-bridge-client.ts"
export { ChainBridgeError, type FieldError } from "./chain-bridge-error.ts"
export type { StreamOptions } from "./stream-events.ts"
export type { ChainBridgeClientOptions } from "./transport.ts"
export type * from "./types.ts"
export {
  type VerifiedWebhook,
  verifyWebhook,
  type WebhookEvent,
  type WebhookRequest,
  type WebhookTest,
} from "./verify-webhook.ts"
export type { WaitOptions } from "./wait-for-confirmation.ts"

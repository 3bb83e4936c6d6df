import { ChainBridgeError } from "../../platform/errors.ts"

/**
 * What the secrets of webhooks are kept under: WEBHOOK_SECRET_KEY (64 hex digits, as `openssl rand -hex 32` makes; a new one before an old one, with a comma).
 * @returns none where it is not set: then there can be no webhooks
 * @throws ChainBridgeError CONFIG_INVALID, which does not repeat a secret
 */
export function readWebhookKeys(): readonly Buffer[] {
  const keys = (process.env["WEBHOOK_SECRET_KEY"] ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
  return keys.map((key) => {
    if (/^[0-9a-fA-F]{64}$/.test(key)) return Buffer.from(key, "hex")
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      "WEBHOOK_SECRET_KEY is not 64 hex digits, or several of them with commas: openssl rand -hex 32 makes one",
    )
  })
}

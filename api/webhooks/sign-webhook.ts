import { createHmac, randomBytes } from "node:crypto"

const prefix = "whsec_"
const secretBytes = 32

export function createWebhookSecret(): Buffer {
  return randomBytes(secretBytes)
}

/** A secret as its owner gets it. */
export function writeWebhookSecret(secret: Buffer): string {
  return prefix + secret.toString("base64")
}

/** What a receiver knows a message by: the same each time that an endpoint is sent the same event. */
export function messageIdOf(endpointId: string, delivery: { position: bigint } | { testId: bigint }): string {
  const endpoint = endpointId.replaceAll("-", "")
  return "position" in delivery
    ? `msg_${endpoint}_${delivery.position}`
    : `msg_${endpoint}_test${delivery.testId}`
}

/** The headers of Standard Webhooks, with a signature by each secret. */
export function signWebhook(
  messageId: string,
  body: string,
  secrets: readonly Buffer[],
  at: Date,
): Record<"webhook-id" | "webhook-timestamp" | "webhook-signature", string> {
  const timestamp = String(Math.floor(at.getTime() / 1_000))
  const signed = `${messageId}.${timestamp}.${body}`
  const signatures = secrets.map(
    (secret) => `v1,${createHmac("sha256", secret).update(signed).digest("base64")}`,
  )
  return {
    "webhook-id": messageId,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  }
}

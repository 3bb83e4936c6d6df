import { ChainBridgeError } from "./chain-bridge-error.ts"
import type { LiveEvent } from "./types.ts"

/** What `POST /webhooks/{webhook_id}/test` sends. */
export type WebhookTest = {
  readonly id: null
  readonly type: "webhook.test"
  readonly time: string
  readonly data: { readonly webhook_id: string; readonly delivery_id: string }
}
export type WebhookEvent = LiveEvent | WebhookTest

export type WebhookRequest = {
  /** As it came: what was parsed and written again is another text. */
  readonly body: string | Uint8Array
  /** Of the request: a `Headers`, or an object with names in lower case as Node has it. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>
  /** `whsec_…`; several while one is exchanged for another. */
  readonly secret: string | readonly string[]
  /** How old a message may be, and how far ahead: five minutes, unless given. */
  readonly toleranceSeconds?: number
}

export type VerifiedWebhook = {
  /** The same each time that this event is sent to this webhook: whoever keeps those that he has dealt with deals with each once. */
  readonly messageId: string
  readonly event: WebhookEvent
}

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>

const headerNames = ["webhook-id", "webhook-timestamp", "webhook-signature"] as const

/**
 * Makes sure that a request is one of ours, and gives back what it says.
 * @throws ChainBridgeError WEBHOOK_NOT_VERIFIED: answer it with 400 and do nothing
 */
export async function verifyWebhook(request: WebhookRequest): Promise<VerifiedWebhook> {
  const [messageId, timestamp, signatures] = headerNames.map((name) => readHeader(request.headers, name)) as [
    string,
    string,
    string,
  ]
  const { toleranceSeconds = 300 } = request
  const ageSeconds = /^\d{1,15}$/.test(timestamp) ? Date.now() / 1_000 - Number(timestamp) : Number.NaN
  // Not the other way round: nothing is larger than NaN.
  if (!(Math.abs(ageSeconds) <= toleranceSeconds))
    throw notVerified(`webhook-timestamp is more than ${toleranceSeconds} s from now`)
  const body = typeof request.body === "string" ? new TextEncoder().encode(request.body) : request.body
  const signed = join(new TextEncoder().encode(`${messageId}.${timestamp}.`), body)
  const secrets = typeof request.secret === "string" ? [request.secret] : request.secret
  if (secrets.length === 0) throw new TypeError("name a secret")
  const keys = await Promise.all(secrets.map(importSecret))
  if (!(await isSigned(signed, signatures, keys))) throw notVerified("no signature is by the secret")
  return { messageId, event: JSON.parse(new TextDecoder().decode(body)) as WebhookEvent }
}

function readHeader(headers: WebhookRequest["headers"], name: string): string {
  const value = headers instanceof Headers ? headers.get(name) : headers[name]
  if (typeof value === "string" && value !== "") return value
  throw notVerified(`${name} is missing`)
}

function importSecret(secret: string): Promise<Key> {
  const bytes = decodeBase64(secret.replace(/^whsec_/, ""))
  if (bytes === null || bytes.length < 16)
    throw new TypeError("a webhook's secret is written whsec_…, as it was shown")
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"])
}

/** Each signature is held against each secret by the platform, whose comparison takes as long whatever it finds. */
async function isSigned(
  signed: Uint8Array<ArrayBuffer>,
  signatures: string,
  keys: readonly Key[],
): Promise<boolean> {
  const given = signatures
    .split(" ")
    .filter((signature) => signature.startsWith("v1,"))
    .slice(0, 20)
    .flatMap((signature) => decodeBase64(signature.slice(3)) ?? [])
  const found = await Promise.all(
    given.flatMap((signature) => keys.map((key) => crypto.subtle.verify("HMAC", key, signature, signed))),
  )
  return found.includes(true)
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
  } catch {
    return null
  }
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

function notVerified(why: string): ChainBridgeError {
  return new ChainBridgeError(`the webhook is not verified: ${why}`, { code: "WEBHOOK_NOT_VERIFIED" })
}

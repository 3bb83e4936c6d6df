import { z } from "@hono/zod-openapi"
import { deliveryStatuses } from "../../ledger/store/webhook-tables.ts"
import type { AttemptRow, DeliveryRow } from "../queries/webhook-deliveries.ts"
import { timeAnswer } from "../validation/schemas.ts"
import { messageIdOf } from "../webhooks/sign-webhook.ts"
import type { WebhookRow } from "../webhooks/webhook-store.ts"

const stateSchema = z.enum(["healthy", "failing", "disabled"])

export const webhookSchema = z.object({
  webhook_id: z.string(),
  url: z.string(),
  description: z.string(),
  types: z.array(z.string()).nullable(),
  user_id: z.string().nullable(),
  token_symbol: z.string().nullable(),
  chain_id: z.int().nullable(),
  is_enabled: z.boolean(),
  status: stateSchema.openapi({
    description: "`failing`: its last attempt was not answered with a 2xx, or could not be made",
  }),
  disabled_because: z.enum(["request", "gone", "failing"]).nullable().openapi({
    description: "`gone`: its receiver answered 410; `failing`: it has only failed for too long",
  }),
  disabled_at: timeAnswer.nullable(),
  position: z.string().openapi({ description: "Every event up to here is dealt with", example: "184467" }),
  head: z.string().openapi({ description: "Where the log ends", example: "184467" }),
  undelivered_since: timeAnswer
    .nullable()
    .openapi({ description: "When the first event behind `position` was recorded" }),
  failing_since: timeAnswer.nullable(),
  next_attempt_at: timeAnswer.nullable(),
  dead_letters: z.int().openapi({ description: "Deliveries that were given up" }),
  secrets: z.array(z.object({ created_at: timeAnswer, expires_at: timeAnswer.nullable() })).openapi({
    description: "What signs now, newest first; the secrets themselves are shown once, when they are made",
  }),
  created_at: timeAnswer,
})

const secretSchema = z
  .string()
  .openapi({ description: "Shown this once", example: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw5TmFi9kq4fY=" })

export const madeWebhookSchema = webhookSchema.extend({ secret: secretSchema })
export const rotatedWebhookSchema = madeWebhookSchema.extend({
  overlap_ends_at: timeAnswer.openapi({ description: "The old secret signs as well until then" }),
})

export function presentWebhook(row: WebhookRow): z.infer<typeof webhookSchema> {
  const isFailing = row.failing_since !== null
  return {
    webhook_id: row.endpoint_id,
    url: row.url,
    description: row.description,
    types: row.types === null ? null : [...row.types],
    user_id: row.user_id,
    token_symbol: row.token_symbol,
    chain_id: row.chain_id === null ? null : Number(row.chain_id),
    is_enabled: row.is_enabled,
    status: row.is_enabled ? (isFailing ? "failing" : "healthy") : "disabled",
    disabled_because: row.disabled_because,
    disabled_at: timeOf(row.disabled_at),
    position: row.cursor_position.toString(),
    head: row.head.toString(),
    undelivered_since: timeOf(row.undelivered_since),
    failing_since: timeOf(row.failing_since),
    next_attempt_at: timeOf(row.next_attempt_at),
    dead_letters: Number(row.dead_letters),
    secrets: row.secrets.map((secret) => ({
      created_at: new Date(secret.created_at).toISOString(),
      expires_at: secret.expires_at === null ? null : new Date(secret.expires_at).toISOString(),
    })),
    created_at: row.created_at.toISOString(),
  }
}

export const deliveryStatusSchema = z.enum(deliveryStatuses)

export const deliverySchema = z.object({
  delivery_id: z.string(),
  message_id: z.string().openapi({ description: "What the receiver gets as `webhook-id`, at each attempt" }),
  position: z.string().nullable().openapi({ description: "Of the event; null: a test" }),
  type: z.string().openapi({ example: "balance.adjusted" }),
  status: deliveryStatusSchema.openapi({
    description: "`waiting`: a test before its attempt; `dead`: given up; it can be asked for again",
  }),
  attempts_count: z.int(),
  next_attempt_at: timeAnswer.nullable(),
  created_at: timeAnswer,
  settled_at: timeAnswer.nullable().openapi({ description: "When it succeeded or was given up" }),
  attempts: z
    .array(
      z.object({
        attempt: z.int(),
        began_at: timeAnswer,
        duration_ms: z.int(),
        response_status: z.int().nullable().openapi({ description: "null: there was no answer" }),
        error: z.string().nullable().openapi({ description: "null: it was delivered", example: "TIMEOUT" }),
        excerpt: z.string().openapi({ description: "Of the answer's body, or what is known of the error" }),
        is_requested: z.boolean().openapi({ description: "Somebody asked for it" }),
      }),
    )
    .openapi({ description: "Newest first; in a list, the last three" }),
})

export function presentDelivery(row: DeliveryRow): z.infer<typeof deliverySchema> {
  const { position, delivery_id: testId } = row
  return {
    delivery_id: row.delivery_id.toString(),
    message_id: messageIdOf(row.endpoint_id, position === null ? { testId } : { position }),
    position: position?.toString() ?? null,
    type: row.type,
    status: row.status,
    attempts_count: row.attempts,
    next_attempt_at: timeOf(row.next_attempt_at),
    created_at: row.created_at.toISOString(),
    settled_at: timeOf(row.settled_at),
    attempts: row.last_attempts.map(presentAttempt),
  }
}

function presentAttempt(row: AttemptRow) {
  return { ...row, began_at: new Date(row.began_at).toISOString() }
}

function timeOf(date: Date | null): string | null {
  return date?.toISOString() ?? null
}

import { z } from "@hono/zod-openapi"
import { positionSchema, positionWith } from "../live/subscription-request.ts"
import { liveTypes } from "../presenters/live-event.ts"
import { chainIdSchema, tokenSymbolSchema, userIdSchema } from "./schemas.ts"

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export const webhookParams = z.object({
  webhook_id: z
    .string()
    .regex(uuid, "use a webhook_id of GET /webhooks, unchanged")
    .openapi({ example: "0193c5e0-0000-7000-8000-000000000000" }),
})

export const deliveryParams = webhookParams.extend({
  delivery_id: z
    .string()
    .regex(/^[1-9]\d{0,17}$/, "use a delivery_id of GET /webhooks/{webhook_id}/deliveries, unchanged")
    .openapi({ example: "4711" }),
})

/** As many characters of an address as the database keeps. */
export const urlMax = 2_048

const urlSchema = z
  .string("write the address that events are sent to, such as https://backend.example/webhooks")
  .min(1, "write the address that events are sent to, such as https://backend.example/webhooks")
  .max(urlMax, `use at most ${urlMax} characters`)
  .openapi({ format: "uri", example: "https://backend.example/webhooks" })

/** What the address will be asked as, and what is stored and shown. */
const descriptionSchema = z
  .string()
  .trim()
  .regex(/^[^\p{Cc}]{0,500}$/u, "use at most 500 characters, all of them printable")
  .openapi({ description: "For people to recognise it by", example: "balances of the shop" })

const typesSchema = z
  .array(z.enum(liveTypes))
  .min(1, "name at least one type, or send null for all of them")
  .max(liveTypes.length, "name each type once")
  .openapi({ description: "null: all of them", example: ["balance.adjusted", "settlement.confirmed"] })

const enabledSchema = z.boolean().openapi({ description: "Whether anything is delivered" })

const userFilter = userIdSchema
  .nullable()
  .openapi({ description: "Only what is about this user; null: every user" })
const tokenFilter = tokenSymbolSchema
  .nullable()
  .openapi({ description: "Only this token; null: every token" })
const chainFilter = chainIdSchema.nullable().openapi({ description: "Only this chain; null: every chain" })

export const newWebhookSchema = z.strictObject({
  url: urlSchema,
  description: descriptionSchema.default(""),
  types: typesSchema.nullable().default(null),
  user_id: userFilter.default(null),
  token_symbol: tokenFilter.default(null),
  chain_id: chainFilter.default(null),
  is_enabled: enabledSchema.default(true),
  after: positionSchema.optional().openapi({
    description: "Begins behind this position; with what happens from now on, unless given",
  }),
})

export const webhookChangeSchema = z.strictObject({
  url: urlSchema.optional(),
  description: descriptionSchema.optional(),
  types: typesSchema.nullable().optional(),
  user_id: userFilter.optional(),
  token_symbol: tokenFilter.optional(),
  chain_id: chainFilter.optional(),
  is_enabled: enabledSchema.optional(),
})

export const replaySchema = z.strictObject({
  after: positionWith(
    "name the position of an event, as text: what is behind it is delivered again, and behind 0 is everything",
  ).openapi({ description: "What is behind this position is delivered again" }),
})

export const overlapSchema = z.strictObject({
  overlap_seconds: z
    .int("use a whole number from 0 to 604800")
    .min(0, "use a whole number from 0 to 604800")
    .max(604_800, "use at most 604800, seven days")
    .default(86_400)
    .openapi({ description: "For how long the old secret signs as well; a day, unless given" }),
})

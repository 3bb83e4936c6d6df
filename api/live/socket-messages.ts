import { z } from "zod"
import { liveTypes } from "../presenters/live-event.ts"
import { chainIdSchema, tokenSymbolSchema, userIdSchema } from "../validation/schemas.ts"
import { positionSchema } from "./subscription-request.ts"

const subscriptionId = z
  .string("name the subscription by a text of your own")
  .regex(/^[\x21-\x7e]{1,64}$/, "use 1 to 64 visible ASCII characters")

/** What a client may send over a WebSocket. */
export const socketMessageSchema = z.discriminatedUnion(
  "type",
  [
    z.strictObject({
      type: z.literal("subscribe"),
      id: subscriptionId,
      user_id: userIdSchema.optional(),
      token_symbol: tokenSymbolSchema.optional(),
      chain_id: chainIdSchema.optional(),
      types: z.array(z.enum(liveTypes)).min(1).optional(),
      after: positionSchema.optional(),
    }),
    z.strictObject({ type: z.literal("unsubscribe"), id: subscriptionId }),
    z.strictObject({ type: z.literal("ping") }),
  ],
  'send {"type": "subscribe"}, {"type": "unsubscribe"} or {"type": "ping"}',
)

export type SocketMessage = z.infer<typeof socketMessageSchema>
export type SubscribeMessage = Extract<SocketMessage, { type: "subscribe" }>

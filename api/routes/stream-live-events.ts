import { z } from "@hono/zod-openapi"
import { createEventStream } from "../live/event-stream.ts"
import { mayStillRead } from "../live/may-still-read.ts"
import { prepareSubscription } from "../live/prepare-subscription.ts"
import {
  lastEventIdSchema,
  liveFilterParameters,
  positionSchema,
  readLastEventId,
  toFilter,
} from "../live/subscription-request.ts"
import { commonHeaders } from "../middleware/respond.ts"
import { liveTypes } from "../presenters/live-event.ts"
import { isRefusal } from "../refusal.ts"
import { defineRoute } from "../route.ts"

const permission = "ledger.read"

/** Of JSON Schema, which the types of the generator do not know in full. */
const eventText: object = {
  description: "The event in JSON",
  contentMediaType: "application/json",
  contentSchema: { $ref: "#/components/schemas/LiveEvent" },
}

/** One event as the stream writes it. */
const blockSchema = z.object({
  id: z.string().openapi({ description: "Its position", example: "184467" }),
  event: z.enum(liveTypes).optional(),
  data: z.string().optional().openapi(eventText),
  retry: z.int().optional(),
})

export const streamLiveEvents = defineRoute({
  method: "get",
  path: "/stream",
  tag: "Live updates",
  summary: "Everything that happens to balances, as Server-Sent Events that resume without a gap or a repeat",
  permission,
  query: z.strictObject({
    ...liveFilterParameters,
    after: positionSchema.optional().openapi({
      description:
        "Begin behind this position; without it and without `Last-Event-ID` with what happens from now on",
    }),
  }),
  requestHeaders: z.object({
    "last-event-id": lastEventIdSchema.optional(),
  }),
  answer: null,
  stream: {
    contentType: "text/event-stream",
    description:
      "`id` is the position, `event` the type, `data` the event in JSON; without a type it is a heartbeat",
    schema: blockSchema,
  },
  refusals: ["OVERLOADED", "UNKNOWN_POSITION"],
  async handle(services, { query, caller, context }) {
    const { limits, logger, onStop } = services
    const { ledgerId } = caller
    const seen = readLastEventId(context.req.header("last-event-id"))
    if (typeof seen === "object") return seen
    const position = seen ?? query.after
    const field = seen === undefined ? "after" : "Last-Event-ID"
    const start = await prepareSubscription(
      services,
      ledgerId,
      position === undefined ? null : { field, position },
    )
    if (isRefusal(start)) return start
    const headers = {
      ...commonHeaders,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // A proxy that gathers an answer before it passes it on would hold events back.
      "x-accel-buffering": "no",
      "x-request-id": context.var.requestId,
    }
    if (context.req.method === "HEAD") return new Response(null, { headers })
    const { body, end } = createEventStream({
      after: start.after,
      subscribe: (sink) => start.subscribe(toFilter(query), sink),
      bufferBytes: limits.subscriberBufferBytes,
      heartbeatMs: limits.heartbeatMs,
      stallMs: limits.readerStallMs,
      // A key that was revoked sees nothing more.
      onHeartbeat: () => mayStillRead(context, services, permission, ledgerId),
      onStall() {
        logger.warn({ request_id: context.var.requestId }, "a subscriber who does not read is cut off")
        context.env.outgoing?.socket?.resetAndDestroy()
      },
      onEnd: () => onStop.delete(end),
    })
    onStop.add(end)
    return new Response(body, { headers })
  },
})

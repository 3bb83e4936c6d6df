import { upgradeWebSocket } from "@hono/node-server"
import type { WebSocket } from "ws"
import { describeError } from "../../platform/errors.ts"
import { createLiveSocket, type LiveSocket } from "../live/live-socket.ts"
import { mayStillRead } from "../live/may-still-read.ts"
import { prepareSubscription } from "../live/prepare-subscription.ts"
import { liveEventSchema } from "../presenters/live-event.ts"
import { refuseRate } from "../rate-limits/rate-limit-headers.ts"
import { isRefusal, refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"

const permission = "ledger.read"

export const openWebSocket = defineRoute({
  method: "get",
  path: "/ws",
  tag: "Live updates",
  summary: "The same events over WebSocket, several subscriptions to a connection",
  permission,
  answer: null,
  answerStatus: 101,
  stream: {
    contentType: "application/json",
    description:
      "101, and then JSON messages: `subscribe` and `unsubscribe` from the client, `subscribed`, `event`, `heartbeat` and `error` from the server; see docs/live-updates.md",
    schema: liveEventSchema,
  },
  refusals: ["UPGRADE_REQUIRED"],
  async handle(services, { caller, context }) {
    if (context.req.header("upgrade")?.toLowerCase() !== "websocket")
      return refuse("UPGRADE_REQUIRED", null, "connect with a WebSocket client, or read GET /stream", {
        upgrade: "websocket",
      })
    const { limits, logger, onStop } = services
    const { ledgerId } = caller
    const log = { request_id: context.var.requestId }
    let live: LiveSocket | undefined
    let end: (() => void) | undefined

    function open(socket: WebSocket): LiveSocket {
      socket.on("pong", () => live?.pong())
      return createLiveSocket({
        socket,
        async open({ after, filter }, sink) {
          // It may read as much as a request does.
          const verdict = await services.rateLimits.take(caller.actor)
          if (verdict?.isAllowed === false) return refuseRate(verdict)
          const given = after === undefined ? null : { field: "after", position: after }
          const start = await prepareSubscription(services, ledgerId, given)
          if (isRefusal(start)) return start
          return { after: start.after, subscription: start.subscribe(filter, sink) }
        },
        isAllowed: () => mayStillRead(context, services, permission, ledgerId),
        onStall: () => logger.warn(log, "a subscriber who does not read is cut off"),
        onFault: (error) => logger.warn({ ...log, reason: describeError(error) }, "a message failed"),
        bufferBytes: limits.subscriberBufferBytes,
        heartbeatMs: limits.heartbeatMs,
        stallMs: limits.readerStallMs,
        subscriptionsMax: limits.subscriptionsPerSocketMax,
      })
    }

    return upgradeWebSocket(context, {
      onOpen(_, { raw }) {
        live = open(raw as WebSocket)
        end = live.end
        onStop.add(end)
      },
      onMessage({ data }) {
        live?.receive(typeof data === "string" ? data : "")
      },
      onClose() {
        live?.closed()
        if (end !== undefined) onStop.delete(end)
      },
    })
  },
})

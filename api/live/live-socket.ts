import { isRefusal, type Refusal, refuse } from "../refusal.ts"
import { parseJson } from "../validation/parse-json.ts"
import { validate } from "../validation/validate.ts"
import type { LiveFilter } from "./live-filter.ts"
import type { LiveSink, LiveSubscription } from "./live-subscription.ts"
import { createReaderRoom } from "./reader-room.ts"
import { type SubscribeMessage, socketMessageSchema } from "./socket-messages.ts"
import { toFilter } from "./subscription-request.ts"

/** What is needed of a WebSocket. */
export type Socket = {
  readonly bufferedAmount: number
  send(text: string, sent: () => void): void
  ping(): void
  close(code: number, reason: string): void
  terminate(): void
}

/** Why a server ends a WebSocket; 4000 and more are ours. */
const closeCodes = { goingAway: 1001, policy: 1008, unauthenticated: 4401 } as const

export type LiveSocket = {
  receive(text: string): void
  /** The other side has answered a ping. */
  pong(): void
  /** The connection is gone. */
  closed(): void
  /** The server stops: the client connects anew, elsewhere. */
  end(): void
}

/** Messages that wait for the ones before them; more is a client that does not listen. */
const messagesWaitingMax = 100

/**
 * Live updates over one WebSocket: several subscriptions, each begun and ended by a message. What waits in the socket is bounded for all of them together; beyond that each goes on from the log
 * when there is room.
 * @param options.open starts a subscription behind `after`, or at the end of the log
 * @param options.isAllowed whether whoever opened the socket may still read
 */
export function createLiveSocket(options: {
  readonly socket: Socket
  readonly open: (
    wanted: { readonly after: string | undefined; readonly filter: LiveFilter },
    sink: LiveSink,
  ) => Promise<{ readonly after: bigint; readonly subscription: LiveSubscription } | Refusal>
  readonly isAllowed: () => Promise<boolean>
  readonly onStall: () => void
  readonly onFault: (error: unknown) => void
  readonly bufferBytes: number
  readonly heartbeatMs: number
  readonly stallMs: number
  readonly subscriptionsMax: number
}): LiveSocket {
  const { socket } = options
  const subscriptions = new Map<string, LiveSubscription>()
  let handling: Promise<void> = Promise.resolve()
  let messagesWaiting = 0
  let pingedAtMs: number | undefined
  let isOver = false

  const hasRoom = (): boolean => isOver || socket.bufferedAmount < options.bufferBytes

  const room = createReaderRoom(hasRoom)

  function sendText(text: string): boolean {
    if (isOver) return true
    socket.send(text, () => {
      if (hasRoom()) room.found()
    })
    return hasRoom()
  }
  const send = (message: object): boolean => sendText(JSON.stringify(message))

  function sendRefusal(id: string | null, { refused, errors }: Refusal): void {
    send({ type: "error", id, code: refused, errors })
  }

  async function subscribe(message: SubscribeMessage): Promise<void> {
    const { id, after, types, ...rest } = message
    if (subscriptions.has(id))
      return sendRefusal(
        id,
        refuse("INVALID_FIELD", "id", "there is a subscription of this id; end it first, or use another id"),
      )
    if (subscriptions.size >= options.subscriptionsMax) {
      const most = `a connection may have ${options.subscriptionsMax} subscriptions; end one, or open another connection`
      return sendRefusal(id, refuse("OVERLOADED", null, most))
    }
    if (!(await options.isAllowed())) return dismiss()
    const filter = toFilter({ ...rest, ...(types === undefined ? {} : { types: new Set(types) }) })
    const opened = await options.open(
      { after, filter },
      {
        send: ({ json }) => sendText(`{"type":"event","id":${JSON.stringify(id)},"event":${json}}`),
        whenRoom: room.whenRoom,
      },
    )
    if (isRefusal(opened)) return sendRefusal(id, opened)
    if (isOver) return opened.subscription.close()
    // Its first event comes from the database, so this is said before it.
    subscriptions.set(id, opened.subscription)
    send({ type: "subscribed", id, position: opened.after.toString() })
  }

  async function handle(text: string): Promise<void> {
    const parsed = parseJson(text, () => "send one JSON object a message")
    if ("code" in parsed) return sendRefusal(null, refuse(parsed.code, null, parsed.message))
    const { value: json } = parsed
    const given = validate(socketMessageSchema, json, "body")
    if (isRefusal(given)) {
      const id = (json as { id?: unknown } | null)?.id
      return sendRefusal(typeof id === "string" ? id.slice(0, 64) : null, given)
    }
    const message = given.value
    switch (message.type) {
      case "subscribe":
        return subscribe(message)
      case "unsubscribe": {
        const subscription = subscriptions.get(message.id)
        if (subscription === undefined)
          return sendRefusal(message.id, refuse("INVALID_FIELD", "id", "there is no subscription of this id"))
        subscription.close()
        subscriptions.delete(message.id)
        send({ type: "unsubscribed", id: message.id, position: subscription.position.toString() })
        return
      }
      case "ping":
        send({ type: "pong" })
    }
  }

  function release(): void {
    if (isOver) return
    isOver = true
    clearInterval(heartbeat)
    for (const subscription of subscriptions.values()) subscription.close()
    room.found()
  }

  function dismiss(): void {
    if (isOver) return
    release()
    socket.close(closeCodes.unauthenticated, "the key or token is not valid any more")
  }

  async function beat(): Promise<void> {
    // Behind what waits for a slow reader a ping is not answered either, so both have the same time.
    const silentSinceMs = room.fullSinceMs ?? pingedAtMs
    if (silentSinceMs !== undefined && performance.now() - silentSinceMs >= options.stallMs) {
      options.onStall()
      release()
      socket.terminate()
      return
    }
    pingedAtMs ??= performance.now()
    socket.ping()
    if (!(await options.isAllowed())) return dismiss()
    if (room.fullSinceMs !== undefined || subscriptions.size === 0) return
    const positions = [...subscriptions].map(([id, { position }]) => [id, position.toString()])
    send({ type: "heartbeat", positions: Object.fromEntries(positions) })
  }

  const heartbeat = setInterval(() => void beat().catch(options.onFault), options.heartbeatMs)

  return {
    receive(text) {
      if (isOver) return
      if (messagesWaiting >= messagesWaitingMax) {
        release()
        socket.close(closeCodes.policy, "too many messages wait for an answer; wait for the answers")
        return
      }
      messagesWaiting += 1
      handling = handling
        .then(() => handle(text))
        .catch((error: unknown) => {
          options.onFault(error)
          sendRefusal(null, refuse("INTERNAL", null, "the message could not be handled; send it again"))
        })
        .finally(() => {
          messagesWaiting -= 1
        })
    },
    pong() {
      pingedAtMs = undefined
    },
    closed: release,
    end() {
      if (isOver) return
      release()
      socket.close(closeCodes.goingAway, "the server stops; connect again")
    },
  }
}

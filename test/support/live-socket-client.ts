import WebSocket from "ws"

// biome-ignore lint/suspicious/noExplicitAny: tests look into messages whose shape is what they test
export type SocketReply = any

export type LiveSocketClient = {
  /** What has come, in its order; heartbeats aside. */
  readonly messages: readonly SocketReply[]
  readonly heartbeats: readonly SocketReply[]
  readonly protocol: string
  send(message: object | string): void
  /** Waits until so many messages have come. */
  until(count: number): Promise<readonly SocketReply[]>
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>
  /** Takes nothing more off the connection. */
  stall(): void
  resume(): void
  cut(): void
}

/** @throws Error with the status of a handshake that was refused */
export async function openLiveSocket(
  url: string,
  options: { readonly apiKey?: string; readonly protocols?: readonly string[] },
): Promise<LiveSocketClient> {
  const headers = options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }
  const socket = new WebSocket(`${url.replace("http", "ws")}/api/v1/ws`, [...(options.protocols ?? [])], {
    headers,
  })
  const messages: SocketReply[] = []
  const heartbeats: SocketReply[] = []
  const waiting = new Set<() => void>()
  socket.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString()) as SocketReply
    if (message.type === "heartbeat") heartbeats.push(message)
    else messages.push(message)
    for (const wake of waiting) wake()
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  await new Promise<void>((resolve, reject) => {
    socket.on("open", resolve)
    socket.on("unexpected-response", (_, response) => reject(new Error(`status ${response.statusCode}`)))
    socket.on("error", reject)
  })
  return {
    messages,
    heartbeats,
    protocol: socket.protocol,
    send: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    async until(count) {
      while (messages.length < count)
        await new Promise<void>((resolve) => {
          const wake = () => {
            waiting.delete(wake)
            resolve()
          }
          waiting.add(wake)
        })
      return messages
    },
    closed,
    stall: () => socket.pause(),
    resume: () => socket.resume(),
    cut: () => socket.terminate(),
  }
}

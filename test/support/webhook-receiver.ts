import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Webhook } from "standardwebhooks"

export type Received = {
  readonly id: string
  readonly timestamp: number
  readonly headers: IncomingMessage["headers"]
  readonly body: string
  readonly event: {
    readonly id: string | null
    readonly type: string
    readonly data: Record<string, unknown>
  }
  readonly atMs: number
}

export type Answering = (request: Received, response: ServerResponse) => void

export type WebhookReceiver = {
  readonly url: string
  readonly port: number
  /** In the order of their arrival, refused ones included. */
  readonly received: Received[]
  /** What it does with a message; at first it takes each. */
  answer: Answering
  /** Of those that were answered with 204, the positions. */
  readonly taken: bigint[]
  close(): Promise<void>
}

export const take: Answering = (_, response) => response.writeHead(204).end()
export const fail =
  (status: number, headers: Record<string, string> = {}, body = ""): Answering =>
  (_, response) =>
    response.writeHead(status, headers).end(body)

/** A backend that takes webhooks, on a port of this machine. */
export async function startWebhookReceiver(port = 0): Promise<WebhookReceiver> {
  const received: Received[] = []
  const taken: bigint[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString()
      const { headers } = request
      const message: Received = {
        id: String(headers["webhook-id"]),
        timestamp: Number(headers["webhook-timestamp"]),
        headers,
        body,
        event: JSON.parse(body),
        atMs: performance.now(),
      }
      received.push(message)
      response.on("finish", () => {
        if (response.statusCode === 204 && message.event.id !== null) taken.push(BigInt(message.event.id))
      })
      receiver.answer(message, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
  const { port: listening } = server.address() as AddressInfo
  const receiver: WebhookReceiver = {
    url: `http://127.0.0.1:${listening}/hook`,
    port: listening,
    received,
    taken,
    answer: take,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}

/** As a receiver verifies it that uses the library of Standard Webhooks. @throws WebhookVerificationError */
export function verifyWithLibrary(secret: string, { body, headers }: Received): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>)
}

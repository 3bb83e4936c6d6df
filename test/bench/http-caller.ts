import { once } from "node:events"
import { connect, type Socket } from "node:net"

export type HttpTarget = { readonly apiUrl: string; readonly apiKey: string }

const endOfHead = Buffer.from("\r\n\r\n")

/**
 * One connection that stays open and sends one request after the other, with as little work as HTTP/1.1 allows: the load shares its cores with what it measures.
 */
export async function openHttpCaller({ apiUrl, apiKey }: HttpTarget): Promise<HttpCaller> {
  const { hostname, port, host } = new URL(apiUrl)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, "connect")
  const head = [
    "POST /api/v1/balance/adjust HTTP/1.1",
    `host: ${host}`,
    `authorization: Bearer ${apiKey}`,
    "content-type: application/json",
    "content-length: ",
  ].join("\r\n")
  const readEnd = ` HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${apiKey}\r\n`
  return createCaller(socket, head, readEnd)
}

export type HttpCaller = {
  /** Sends a body that begins with `start` and ends with `rest`, which is ASCII. Rejects unless it is answered by 200. */
  post(start: string, rest: Buffer | string): Promise<void>
  /** @param path ASCII, from `/api/v1` on @param headers lines that end with CRLF */
  get(path: string, headers: string): Promise<void>
  close(): void
}

function createCaller(socket: Socket, head: string, readEnd: string): HttpCaller {
  let waiting: { resolve(): void; reject(error: Error): void } | undefined
  let bodyLeft = 0
  let isHead = true
  let partial: Buffer | undefined
  let refusal: { readonly status: string; text: string } | undefined

  const fail = (error: Error): void => {
    waiting?.reject(error)
    waiting = undefined
    socket.destroy()
  }
  socket.on("error", fail)
  socket.on("close", () => fail(new Error("the server closed a connection")))
  socket.on("data", (chunk: Buffer) => {
    let body = chunk
    if (isHead) {
      const all = partial === undefined ? chunk : Buffer.concat([partial, chunk])
      const end = all.indexOf(endOfHead)
      if (end < 0) {
        partial = all
        return
      }
      partial = undefined
      const text = all.toString("latin1", 0, end)
      const length = /^content-length: (\d+)$/im.exec(text)?.[1]
      if (length === undefined) return fail(new Error(`an answer without content-length: ${text}`))
      const status = text.slice(9, 12)
      refusal = status === "200" ? undefined : { status, text: "" }
      bodyLeft = Number(length)
      isHead = false
      body = all.subarray(end + endOfHead.length)
    }
    bodyLeft -= body.length
    if (refusal !== undefined) refusal.text += body.toString()
    if (bodyLeft > 0) return
    isHead = true
    if (refusal !== undefined) return fail(new Error(`answered by ${refusal.status}: ${refusal.text}`))
    const ended = waiting
    waiting = undefined
    ended?.resolve()
  })

  const answered = (send: () => void): Promise<void> =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) return reject(new Error("the connection is closed"))
      waiting = { resolve, reject }
      send()
    })

  return {
    get: (path, headers) =>
      answered(() => socket.write(`GET /api/v1${path}${readEnd}${headers}\r\n`, "latin1")),
    post(start, rest) {
      return answered(() => {
        const prefix = `${head}${start.length + rest.length}\r\n\r\n${start}`
        if (typeof rest === "string") {
          socket.write(prefix + rest, "latin1")
          return
        }
        socket.cork()
        socket.write(prefix, "latin1")
        socket.write(rest)
        socket.uncork()
      })
    },
    close: () => {
      socket.removeAllListeners("close")
      socket.destroy()
    },
  }
}

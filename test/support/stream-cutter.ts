import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"

export type StreamCutter = {
  readonly url: string
  readonly connections: () => number
  /** Of them, how many are open. */
  readonly open: () => number
  /** How many bytes each further connection may receive before it is cut; undefined: as many as there are. */
  limit: () => number | undefined
  close(): Promise<void>
}

/** A TCP proxy that cuts connections off wherever the bytes happen to be. */
export async function startStreamCutter(apiUrl: string): Promise<StreamCutter> {
  const { port, hostname } = new URL(apiUrl)
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((client) => {
    connections += 1
    const api = connect(Number(port), hostname)
    let left = cutter.limit() ?? Number.POSITIVE_INFINITY
    for (const [socket, other] of [
      [client, api],
      [api, client],
    ] as const) {
      sockets.add(socket)
      socket.on("error", () => socket.destroy())
      socket.on("close", () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    client.on("data", (bytes) => api.write(bytes))
    api.on("data", (bytes) => {
      const passed = bytes.subarray(0, left)
      left -= passed.length
      client.write(passed, () => {
        if (left === 0) client.destroy()
      })
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const cutter: StreamCutter = {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
    connections: () => connections,
    open: () => sockets.size / 2,
    limit: () => undefined,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
  return cutter
}

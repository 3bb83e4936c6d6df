import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { listenInFront } from "./listen-in-front.ts"

export type DatabaseDoor = {
  /** Of the database, through here. */
  readonly databaseUrl: string
  /** Ends every connection, and each that is asked for from now on. */
  shut(): void
  open(): void
  /** Connections that were ended at the door. */
  readonly refused: () => number
  close(): Promise<void>
}

/** A TCP proxy in front of PostgreSQL for a program that loses the database for a while. */
export async function startDatabaseDoor(databaseUrl: string): Promise<DatabaseDoor> {
  const upstream = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let isShut = false
  let refused = 0
  const server = createServer((client) => {
    if (isShut) {
      refused += 1
      client.on("error", () => undefined)
      client.resetAndDestroy()
      return
    }
    const database = connect(Number(upstream.port), upstream.hostname)
    for (const [socket, other] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(socket)
      socket.on("error", () => undefined)
      socket.on("close", () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  const through = await listenInFront(server, databaseUrl)
  return {
    databaseUrl: through,
    shut() {
      isShut = true
      for (const socket of sockets) socket.destroy()
    },
    open() {
      isShut = false
    },
    refused: () => refused,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
}

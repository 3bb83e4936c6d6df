import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"

export type CommitCutter = {
  /** Of the database, through here. */
  readonly databaseUrl: string
  /** The next COMMIT reaches the server and is carried out; its answer never comes back, the connection is reset instead. */
  cutNextCommit(): void
  readonly cuts: () => number
  close(): Promise<void>
}

/** A TCP proxy in front of PostgreSQL that loses the answer to a COMMIT. */
export async function startCommitCutter(databaseUrl: string): Promise<CommitCutter> {
  const upstream = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let isArmed = false
  let cuts = 0
  const server = createServer((client) => {
    const database = connect(Number(upstream.port), upstream.hostname)
    let isCut = false
    for (const socket of [client, database]) {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
      socket.on("error", () => socket.destroy())
    }
    client.on("data", (bytes) => {
      if (isArmed && bytes.includes("COMMIT\0")) {
        isArmed = false
        isCut = true
      }
      database.write(bytes)
    })
    database.on("data", (bytes) => {
      if (!isCut) client.write(bytes)
      // The server's own word that it has committed: the tag of the command, in full.
      else if (bytes.includes("COMMIT\0")) {
        cuts += 1
        client.resetAndDestroy()
        database.destroy()
      }
    })
    client.on("end", () => database.end())
    database.on("end", () => client.end())
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const through = new URL(databaseUrl)
  through.port = String(typeof address === "object" && address !== null ? address.port : 0)
  through.hostname = "127.0.0.1"
  return {
    databaseUrl: through.toString(),
    cutNextCommit() {
      isArmed = true
    },
    cuts: () => cuts,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
}

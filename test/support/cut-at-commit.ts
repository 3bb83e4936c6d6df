import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"

export type CommitCutter = {
  /** Of the database, through here. */
  readonly databaseUrl: string
  /** The next COMMIT reaches the server and is carried out; its answer never comes back. The connection is reset, or stays open and says nothing any more. */
  cutNextCommit(how?: "reset" | "silence"): void
  readonly cuts: () => number
  close(): Promise<void>
}

/** A TCP proxy in front of PostgreSQL that loses the answer to a COMMIT. */
export async function startCommitCutter(databaseUrl: string): Promise<CommitCutter> {
  const upstream = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let armed: "reset" | "silence" | null = null
  let cuts = 0
  const server = createServer((client) => {
    const database = connect(Number(upstream.port), upstream.hostname)
    let cut: typeof armed = null
    for (const socket of [client, database]) {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
      socket.on("error", () => socket.destroy())
    }
    client.on("data", (bytes) => {
      if (armed !== null && bytes.includes("COMMIT\0")) {
        cut = armed
        armed = null
      }
      database.write(bytes)
    })
    database.on("data", (bytes) => {
      if (cut === null) client.write(bytes)
      // The server's own word that it has committed: the tag of the command, in full.
      else if (bytes.includes("COMMIT\0")) {
        cuts += 1
        if (cut === "silence") return
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
    cutNextCommit(how = "reset") {
      armed = how
    },
    cuts: () => cuts,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
}

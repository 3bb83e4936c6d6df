import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { listenInFront } from "./listen-in-front.ts"

export type CommitCutter = {
  /** Of the database, through here. */
  readonly databaseUrl: string
  /** The next COMMIT, or the next few, reach the server and are carried out; the answer never comes back. The connection is reset, or stays open and says nothing any more. */
  cutNextCommit(how?: "reset" | "silence", count?: number): void
  /** The next COMMIT never reaches the server, all before it does. The connection is reset on both sides. */
  cutBeforeNextCommit(): void
  /** Leaves the COMMITs that come alone. */
  disarm(): void
  readonly cuts: () => number
  close(): Promise<void>
}

const message = Buffer.from("COMMIT\0")
/** What a COMMIT of a transaction that has failed is answered by. */
const rolledBack = Buffer.from("ROLLBACK\0")
/** As Kysely asks for it. */
const lowerCase = Buffer.from("commit\0")
/** Of a simple query: its type and its length. */
const headerBytes = 5

/** A TCP proxy in front of PostgreSQL that loses a COMMIT, or the answer to it. */
export async function startCommitCutter(databaseUrl: string): Promise<CommitCutter> {
  const upstream = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let armed: "reset" | "silence" | "before" | null = null
  let left = 0
  let cuts = 0
  const server = createServer((client) => {
    const database = connect(Number(upstream.port), upstream.hostname)
    let cut: typeof armed = null
    /** What the server has said since. */
    let held = Buffer.alloc(0)
    for (const socket of [client, database]) {
      sockets.add(socket)
      socket.on("close", () => sockets.delete(socket))
      socket.on("error", () => socket.destroy())
    }
    client.on("data", (bytes) => {
      const at = armed === null ? -1 : Math.max(bytes.indexOf(message), bytes.indexOf(lowerCase))
      if (at !== -1) {
        cut = armed
        left -= 1
        if (left <= 0) armed = null
      }
      if (cut !== "before") return void database.write(bytes)
      if (at === -1) return
      cuts += 1
      client.resetAndDestroy()
      database.write(bytes.subarray(0, at - headerBytes), () => database.resetAndDestroy())
    })
    database.on("data", (bytes) => {
      if (cut === null) return void client.write(bytes)
      held = Buffer.concat([held, bytes])
      if (cut !== "before" && held.includes(rolledBack)) {
        // A transaction that had failed: it is not the COMMIT that is meant.
        client.write(held)
        held = Buffer.alloc(0)
        armed = cut
        left += 1
        cut = null
      }
      // The server's own word that it has committed: the tag of the command, in full.
      else if (cut !== "before" && held.includes(message)) {
        cuts += 1
        if (cut === "silence") return
        client.resetAndDestroy()
        database.destroy()
      }
    })
    // Nobody answers behind here: the client must not wait for it.
    database.on("close", (isBroken) => {
      if (isBroken) client.destroy()
    })
    client.on("end", () => database.end())
    database.on("end", () => client.end())
  })
  const through = await listenInFront(server, databaseUrl)
  return {
    databaseUrl: through,
    cutNextCommit(how = "reset", count = 1) {
      armed = how
      left = count
    },
    cutBeforeNextCommit() {
      armed = "before"
    },
    disarm() {
      armed = null
    },
    cuts: () => cuts,
    async close() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    },
  }
}

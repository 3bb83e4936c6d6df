import { once } from "node:events"
import type { Server } from "node:net"

/** Has a proxy listen on a free port. @returns the URL of the database behind it, by way of the proxy */
export async function listenInFront(proxy: Server, databaseUrl: string): Promise<string> {
  proxy.listen(0, "127.0.0.1")
  await once(proxy, "listening")
  const address = proxy.address()
  const through = new URL(databaseUrl)
  through.port = String(typeof address === "object" && address !== null ? address.port : 0)
  through.hostname = "127.0.0.1"
  return through.toString()
}

import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse, request as send } from "node:http"

export type OneOrigin = {
  readonly url: string
  close(): Promise<void>
}

/**
 * A page and the API behind one address, as a reverse proxy puts them. What comes below `/pay` and `/stream` goes to those addresses, everything else to the API.
 * @param files by path
 */
export async function startOneOrigin(
  files: Readonly<Record<string, { readonly type: string; readonly text: string }>>,
  behind: { readonly pay: string; readonly stream: string; readonly api: string },
): Promise<OneOrigin> {
  const server = createServer((request, response) => {
    const path = request.url ?? "/"
    const file = files[path]
    if (file !== undefined) return void response.writeHead(200, { "content-type": file.type }).end(file.text)
    const [, name, rest] = /^\/(pay|stream)(\/.*)$/.exec(path) ?? []
    pass(request, response, `${behind[(name as "pay" | "stream" | undefined) ?? "api"]}${rest ?? path}`)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, "close")
    },
  }
}

/** As it comes, and cut off where it is cut off. */
function pass(request: IncomingMessage, response: ServerResponse, url: string): void {
  const { host, connection, ...headers } = request.headers
  const out = send(url, { method: request.method, headers, agent: false }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(response)
    answer.once("close", () => {
      if (!answer.complete) response.destroy()
    })
  })
  out.on("error", () => response.destroy())
  response.once("close", () => out.destroy())
  request.pipe(out)
}

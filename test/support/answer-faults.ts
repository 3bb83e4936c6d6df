import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import { text } from "node:stream/consumers"

/** What becomes of one request. */
export type AnswerFault =
  | "pass"
  /** It never reaches the API. */
  | "cut before"
  /** The API carries it out, and its answer is lost. */
  | "cut after"
  /** Half of the answer arrives. */
  | "half"
  /** The API carries it out, and nobody says a word. */
  | "silence"
  /** The API does not see it. */
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body: string }

export type AnswerFaults = {
  readonly url: string
  /** The requests that came, in their order. */
  readonly requests: readonly { readonly path: string; readonly body: string; readonly atMs: number }[]
  /** What becomes of the next requests, one each; further ones pass. Forgets those that came. */
  plan(...faults: readonly AnswerFault[]): void
  close(): Promise<void>
}

/** A proxy in front of an API that loses what it is told to lose. */
export async function startAnswerFaults(apiUrl: string): Promise<AnswerFaults> {
  let planned: AnswerFault[] = []
  const requests: { path: string; body: string; atMs: number }[] = []

  async function serve(
    path: string,
    method: string,
    headers: Record<string, string>,
    body: string,
    out: ServerResponse,
  ) {
    const fault = planned.shift() ?? "pass"
    if (typeof fault === "object") return void out.writeHead(fault.status, fault.headers).end(fault.body)
    if (fault === "cut before") return void out.socket?.resetAndDestroy()
    const answer = await fetch(`${apiUrl}${path}`, { method, headers, ...(method === "GET" ? {} : { body }) })
    const said = Buffer.from(await answer.arrayBuffer())
    if (fault === "cut after") return void out.socket?.resetAndDestroy()
    if (fault === "silence") return
    out.writeHead(answer.status, { "content-type": "application/json", "content-length": said.length })
    if (fault === "pass") return void out.end(said)
    out.write(said.subarray(0, said.length / 2), () => out.socket?.destroy())
  }

  const server = createServer((request, out) => {
    void text(request).then((body) => {
      const { url: path = "/", method = "GET" } = request
      requests.push({ path, body, atMs: performance.now() })
      const { authorization = "" } = request.headers
      const headers = { authorization, ...(method === "GET" ? {} : { "content-type": "application/json" }) }
      return serve(path, method, headers, body, out)
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
    requests,
    plan(...faults) {
      planned = [...faults]
      requests.length = 0
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, "close")
    },
  }
}

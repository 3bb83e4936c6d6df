import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** What happens to a request before or after the node behind the proxy sees it. */
export type RpcFaultRule =
  | { readonly fault: "delay"; readonly ms: number }
  /** The connection is cut; the node never sees the request. */
  | { readonly fault: "cut" }
  | { readonly fault: "status"; readonly status: number }
  /** Status 200 and a page for people. The node never sees the request. */
  | { readonly fault: "html" }
  /** The node answers, the caller never hears of it: the connection stays open without a word. */
  | { readonly fault: "swallow_answer" }
  /** The node answers, and the connection is cut. */
  | { readonly fault: "cut_answer" }
  /** A JSON-RPC error instead of the node's answer; `isForwarded`: after the node has seen the request. */
  | {
      readonly fault: "error"
      readonly code: number
      readonly message: string
      readonly isForwarded: boolean
    }
  /** Another result instead of the node's. */
  | { readonly fault: "result"; readonly result: unknown }

export type RpcFaultProxy = {
  readonly url: string
  /** From now on, for this method (`*`: for every one that has no rule of its own). @param times how often; for ever unless given */
  set(method: string, rule: RpcFaultRule, times?: number): void
  clear(): void
  /** Another node answers from now on. */
  retarget(url: string): void
  /** Requests that arrived, by method. */
  readonly seen: ReadonlyMap<string, number>
  /** Stops listening: connections are refused from now on, until `start`. */
  refuse(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

type Request = { readonly id: unknown; readonly method: string }

/** Stands between a client and a node and misbehaves by method. */
export async function startRpcFaultProxy(targetUrl: string): Promise<RpcFaultProxy> {
  const rules = new Map<string, { rule: RpcFaultRule; times: number }>()
  const seen = new Map<string, number>()
  let port = 0
  let target = targetUrl

  function ruleFor(method: string): RpcFaultRule | undefined {
    const found = rules.get(method) ?? rules.get("*")
    if (found === undefined || found.times <= 0) return undefined
    found.times -= 1
    return found.rule
  }

  async function forward(body: string): Promise<string> {
    const response = await fetch(target, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    })
    return response.text()
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const { id, method } = JSON.parse(body) as Request
    seen.set(method, (seen.get(method) ?? 0) + 1)
    const answer = (text: string, contentType = "application/json", status = 200) => {
      response.writeHead(status, { "content-type": contentType }).end(text)
    }
    const rule = ruleFor(method)
    switch (rule?.fault) {
      case undefined:
        return answer(await forward(body))
      case "delay":
        await new Promise((resolve) => setTimeout(resolve, rule.ms))
        return answer(await forward(body))
      case "cut":
        response.destroy()
        return
      case "status":
        return answer("upstream trouble", "text/plain", rule.status)
      case "html":
        return answer("<html><body><h1>Bad gateway</h1></body></html>", "text/html")
      case "swallow_answer":
        await forward(body)
        return
      case "cut_answer":
        await forward(body)
        response.destroy()
        return
      case "error":
        if (rule.isForwarded) await forward(body)
        return answer(
          JSON.stringify({ jsonrpc: "2.0", id, error: { code: rule.code, message: rule.message } }),
        )
      case "result":
        return answer(JSON.stringify({ jsonrpc: "2.0", id, result: rule.result }))
    }
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  const listen = () =>
    new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve)).then(() => {
      port = (server.address() as AddressInfo).port
    })
  const close = async () => {
    if (!server.listening) return
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    server.closeAllConnections()
    await closed
  }
  await listen()
  return {
    url: `http://127.0.0.1:${port}`,
    set: (method, rule, times = Number.POSITIVE_INFINITY) => rules.set(method, { rule, times }),
    clear: () => rules.clear(),
    retarget: (url) => {
      target = url
    },
    seen,
    refuse: close,
    start: listen,
    close,
  }
}

import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { answerBehind, type RpcCall } from "./lagging-node.ts"

/** What happens to a request before or after the node behind the proxy sees it. */
export type RpcFaultRule =
  | { readonly fault: "delay"; readonly ms: number }
  /** The connection is cut; the node never sees the request. */
  | { readonly fault: "cut" }
  /** The connection stays open without a word; the node never sees the request. */
  | { readonly fault: "hold" }
  | { readonly fault: "status"; readonly status: number }
  /** Status 200 and a page for people. The node never sees the request. */
  | { readonly fault: "html" }
  /** Status 200 and JSON that breaks off. The node never sees the request. */
  | { readonly fault: "garbage" }
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
      /** Only for calls of this contract. */
      readonly to?: string
    }
  /** Another result instead of the node's. */
  | { readonly fault: "result"; readonly result: unknown }
  /** The node has not seen so many of the newest blocks. */
  | { readonly fault: "lag"; readonly blocks: number }
  /** The node names as its newest block one that is so many higher. */
  | { readonly fault: "lead"; readonly blocks: number }
  /** Counts of an account's transactions are too low by so many. */
  | { readonly fault: "stale_nonce"; readonly behind: number }
  /** The node takes the transaction, says so, and forgets it at once. anvil only. */
  | { readonly fault: "drop" }

export type RpcFaultProxy = {
  readonly url: string
  /**
   * From now on, for this method (`*`: for every one that has no rule of its own).
   * @param times how often; for ever unless given
   * @param path only for requests to this path, which then has rules of its own: one proxy may stand for several nodes
   */
  set(method: string, rule: RpcFaultRule, times?: number, path?: string): void
  /** Takes back what `set` said of this method and path. */
  unset(method: string, path?: string): void
  clear(): void
  /** Another node answers from now on. */
  retarget(url: string): void
  /** Requests that arrived, by method. */
  readonly seen: ReadonlyMap<string, number>
  /** Requests that were answered otherwise than the node would have, or not until the caller gave up, by fault; a status by its number. */
  readonly provoked: ReadonlyMap<string, number>
  /** Stops listening: connections are refused from now on, until `start`. */
  refuse(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

function isCallOf(contract: string, { params }: RpcCall): boolean {
  const [call] = params ?? []
  return String((call as { to?: unknown } | undefined)?.to).toLowerCase() === contract.toLowerCase()
}

/** Stands between a client and a node and misbehaves by method. */
export async function startRpcFaultProxy(targetUrl: string): Promise<RpcFaultProxy> {
  const rules = new Map<string, { rule: RpcFaultRule; times: number }>()
  const seen = new Map<string, number>()
  const provoked = new Map<string, number>()
  let port = 0
  let target = targetUrl

  const keyOf = (method: string, path: string) => (path === "" ? method : `${path} ${method}`)

  function ruleFor(path: string, method: string): RpcFaultRule | undefined {
    const found = [`${path} ${method}`, `${path} *`, method, "*"]
      .map((key) => rules.get(key))
      .find((each) => each !== undefined)
    if (found === undefined || found.times <= 0) return undefined
    found.times -= 1
    return found.rule
  }

  function count(fault: string): void {
    provoked.set(fault, (provoked.get(fault) ?? 0) + 1)
  }

  async function forward(body: string): Promise<string> {
    const response = await fetch(target, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    })
    return response.text()
  }

  async function ask(
    method: string,
    params: readonly unknown[],
  ): Promise<{ result?: unknown; error?: unknown }> {
    const text = await forward(JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }))
    const { result, error } = JSON.parse(text) as { result?: unknown; error?: unknown }
    return error === undefined ? { result } : { error }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    const call = JSON.parse(body) as RpcCall
    const { id, method } = call
    seen.set(method, (seen.get(method) ?? 0) + 1)
    const answer = (text: string, contentType = "application/json", status = 200) => {
      response.writeHead(status, { "content-type": contentType }).end(text)
    }
    const answerJson = (members: object) => answer(JSON.stringify({ jsonrpc: "2.0", id, ...members }))
    const rule = ruleFor(request.url ?? "/", method)
    switch (rule?.fault) {
      case undefined:
        return answer(await forward(body))
      case "delay":
        await new Promise((resolve) => setTimeout(resolve, rule.ms))
        count(rule.fault)
        return answer(await forward(body))
      case "cut":
        count(rule.fault)
        response.destroy()
        return
      case "hold":
        response.once("close", () => count(rule.fault))
        return
      case "status":
        count(String(rule.status))
        return answer("upstream trouble", "text/plain", rule.status)
      case "html":
        count(rule.fault)
        return answer("<html><body><h1>Bad gateway</h1></body></html>", "text/html")
      case "garbage":
        count(rule.fault)
        return answer(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":"0x`)
      case "swallow_answer":
        await forward(body)
        response.once("close", () => count(rule.fault))
        return
      case "cut_answer":
        await forward(body)
        count(rule.fault)
        response.destroy()
        return
      case "error":
        if (rule.to !== undefined && !isCallOf(rule.to, call)) return answer(await forward(body))
        if (rule.isForwarded) await forward(body)
        count(rule.fault)
        return answerJson({ error: { code: rule.code, message: rule.message } })
      case "result":
        count(rule.fault)
        return answerJson({ result: rule.result })
      case "lag": {
        const { body: behind, isChanged } = await answerBehind(call, rule.blocks, ask)
        if (isChanged) count(rule.fault)
        return answer(JSON.stringify(behind))
      }
      case "lead": {
        const { result, error } = await ask(method, call.params ?? [])
        if (call.params?.[0] !== "latest" || typeof result !== "object" || result === null)
          return answerJson(error === undefined ? { result } : { error })
        const number = Number((result as { number?: string }).number) + rule.blocks
        count(rule.fault)
        return answerJson({ result: { ...result, number: `0x${number.toString(16)}` } })
      }
      case "stale_nonce": {
        const { result, error } = await ask(method, call.params ?? [])
        if (typeof result !== "string") return answerJson({ error })
        const stale = Math.max(0, Number(result) - rule.behind)
        if (stale < Number(result)) count(rule.fault)
        return answerJson({ result: `0x${stale.toString(16)}` })
      }
      case "drop": {
        const taken = await ask(method, call.params ?? [])
        const dropped = await ask("anvil_dropTransaction", [taken.result])
        if (typeof dropped.result === "string") count(rule.fault)
        return answerJson(taken)
      }
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
    set: (method, rule, times = Number.POSITIVE_INFINITY, path = "") =>
      rules.set(keyOf(method, path), { rule, times }),
    unset: (method, path = "") => rules.delete(keyOf(method, path)),
    clear: () => rules.clear(),
    retarget: (url) => {
      target = url
    },
    seen,
    provoked,
    refuse: close,
    start: listen,
    close,
  }
}

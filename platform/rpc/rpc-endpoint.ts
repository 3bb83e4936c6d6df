import { setTimeout as sleep } from "node:timers/promises"
import { HttpRequestError, http, ResponseBodyTooLargeError, RpcRequestError, TimeoutError } from "viem"
import { causesOf } from "../errors.ts"
import { type CircuitBreakerLimits, createCircuitBreaker } from "./circuit-breaker.ts"
import { createRateLimiter } from "./rate-limiter.ts"
import { isEndpointTrouble, RpcFault } from "./rpc-fault.ts"

export type RpcEndpoint = {
  /** Place in the list and domain, such as `#1 example.com` or `private example.com`; says nothing that is secret. */
  readonly label: string
  /**
   * One JSON-RPC request, tried once.
   * @throws RpcFault
   */
  request(method: string, params: unknown): Promise<unknown>
  readonly status: () => RpcEndpointStatus
}

export type RpcEndpointStatus = {
  readonly label: string
  readonly isOpen: boolean
  readonly lastFault: string | null
  readonly requests: number
  readonly faults: number
}

/** What is read of any other answer: nobody has to be believed that a number takes more. */
const answerBytesMax = 10 * 1024 * 1024

export type RpcEndpointOptions = {
  readonly url: string
  /** Its place in the list of its chain, from 1; or the chain's private relay. */
  readonly place: number | "private"
  readonly chainId: bigint
  readonly timeoutMs: number
  readonly breaker: CircuitBreakerLimits
  readonly requestsPerSecond: number
  /** What is read of an answer with logs. */
  readonly logsBytesMax: number
  readonly nowMs: () => number
}

/** One node: asked for its chain id before anything else, and left alone for a while when it keeps failing. */
export function createRpcEndpoint(options: RpcEndpointOptions): RpcEndpoint {
  const { url, chainId, timeoutMs, nowMs } = options
  const label = labelOf(url, options.place)
  const secrets = secretsOf(url)
  const breaker = createCircuitBreaker(options.breaker)
  const limiter = createRateLimiter(options.requestsPerSecond)
  const open = (maxResponseBodySize: number) =>
    http(url, { retryCount: 0, timeout: timeoutMs, maxResponseBodySize })({})
  const [transport, logsTransport] = [open(answerBytesMax), open(options.logsBytesMax)]
  let checkedChain: Promise<void> | undefined
  let lastFault: string | null = null
  let requests = 0
  let faults = 0

  async function send(method: string, params: unknown): Promise<unknown> {
    // viem's own timeout ends with the headers; ours covers a body that never ends as well.
    const signal = AbortSignal.timeout(timeoutMs)
    try {
      const { request } = method === "eth_getLogs" ? logsTransport : transport
      return await request({ method, params }, { signal })
    } catch (error) {
      throw toFault(error, signal.aborted)
    }
  }

  function toFault(error: unknown, isAborted: boolean): RpcFault {
    for (const cause of causesOf(error)) {
      if (isAborted || cause instanceof TimeoutError)
        return new RpcFault("timeout", label, `${timeoutMs} ms`, { mayHaveArrived: true })
      if (cause instanceof RpcRequestError) {
        const message = redact(cause.details)
        const rpc = { code: cause.code, message, data: cause.data }
        return new RpcFault("rpc_error", label, `${cause.code} ${message}`, { mayHaveArrived: true, rpc })
      }
      if (cause instanceof HttpRequestError && cause.status !== undefined)
        return new RpcFault("http_status", label, String(cause.status), { mayHaveArrived: true })
      if (cause instanceof ResponseBodyTooLargeError)
        return new RpcFault("too_long", label, `more than ${cause.maxSize} bytes`, { mayHaveArrived: true })
      if (cause instanceof SyntaxError)
        return new RpcFault("not_json_rpc", label, "", { mayHaveArrived: true })
    }
    const code = causesOf(error)
      .map((cause) => (cause as { code?: unknown }).code)
      .find((candidate) => typeof candidate === "string")
    const isRefused = typeof code === "string" && neverConnected.has(code)
    return new RpcFault("unreachable", label, typeof code === "string" ? code : "", {
      mayHaveArrived: !isRefused,
    })
  }

  function redact(text: string): string {
    return secrets.reduce((clean, secret) => clean.replaceAll(secret, "…"), text).slice(0, 500)
  }

  async function checkChain(): Promise<void> {
    const answer = await send("eth_chainId", [])
    const isNumber = typeof answer === "string" && /^0x[0-9a-f]+$/i.test(answer)
    if (!isNumber || BigInt(answer) !== chainId) {
      const said = isNumber ? `it serves chain ${BigInt(answer)}` : "it names no chain"
      throw new RpcFault("wrong_chain", label, `${said}, wanted is ${chainId}`, { mayHaveArrived: false })
    }
  }

  return {
    label,
    async request(method, params) {
      if (!breaker.allows(nowMs())) {
        throw new RpcFault("circuit_open", label, lastFault ?? "", { mayHaveArrived: false })
      }
      // Whoever would wait longer than for an answer asks another endpoint. Nothing is wrong with this one.
      const waitMs = limiter.reserve(Date.now(), timeoutMs)
      if (waitMs === null) {
        const detail = `${options.requestsPerSecond} requests a second`
        throw new RpcFault("rate_limited", label, detail, { mayHaveArrived: false })
      }
      if (waitMs > 0) await sleep(waitMs)
      requests += 1
      try {
        checkedChain ??= checkChain()
        await checkedChain.catch((error: unknown) => {
          if (!(error instanceof RpcFault)) throw error
          // The request itself was never sent. A node that will not tell its chain is as good as one of another chain.
          const kind = error.kind === "rpc_error" ? "wrong_chain" : error.kind
          const detail = `asked for its chain id: ${error.detail}`
          throw error.mayHaveArrived ? new RpcFault(kind, label, detail, { mayHaveArrived: false }) : error
        })
        const result = await send(method, params)
        breaker.succeeded()
        return result
      } catch (error) {
        if (!(error instanceof RpcFault)) throw error
        if (isEndpointTrouble(error)) {
          faults += 1
          lastFault = error.message
          breaker.failed(nowMs())
          // Behind the same URL there may be another node when it comes back.
          checkedChain = undefined
        } else {
          breaker.succeeded()
        }
        throw error
      }
    },
    status: () => ({ label, isOpen: breaker.isOpen(), lastFault, requests, faults }),
  }
}

// Nothing was sent: no connection was ever made.
const neverConnected = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"])

function labelOf(url: string, place: number | "private"): string {
  const { hostname, host } = new URL(url)
  const isAddress = hostname === "localhost" || /^[\d.]+$|^\[/.test(hostname)
  // Some providers put a customer's name or key in front of their domain.
  const name = place === "private" ? place : `#${place}`
  return `${name} ${isAddress ? host : hostname.split(".").slice(-2).join(".")}`
}

/** Parts of a URL that a node might repeat in its error message. */
function secretsOf(url: string): string[] {
  const { username, password, pathname, searchParams, hostname } = new URL(url)
  const parts = [
    username,
    password,
    ...pathname.split("/"),
    ...searchParams.values(),
    ...hostname.split(".").slice(0, -2),
  ]
  return [url, ...parts.filter((part) => part.length >= 8)]
}

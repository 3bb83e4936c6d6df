import { createAttemptSignal } from "./attempt-signal.ts"
import { ChainBridgeError } from "./chain-bridge-error.ts"
import { type Persistence, persist } from "./persist.ts"
import { readRefusal } from "./read-refusal.ts"

export type ChainBridgeClientOptions = {
  /** Where the API is, for example `https://ledger.example`. */
  readonly url: string
  /** An API key or an access token; a function is asked before each attempt, for those that change. */
  readonly apiKey: string | (() => string | Promise<string>)
  /** The app that is meant, where a person has roles in several. */
  readonly appId?: string
  /** How long one attempt may take: 35 s, unless given. The API itself gives up after 30. */
  readonly timeoutMs?: number
  /** How often a request is sent at most: 8 times, unless given. */
  readonly attemptsMax?: number
  /** How long after the first attempt there may be another one: 2 minutes, unless given. */
  readonly deadlineMs?: number
  /** In place of the global `fetch`. */
  readonly fetch?: typeof fetch
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>

export type Transport = {
  readonly timeoutMs: number
  /** @returns `data` of the answer */
  get<Data>(path: string, query: Query | undefined, signal: AbortSignal | undefined): Promise<Data>
  /** Sends the same bytes until they are answered. @param body with the operation's id */
  post<Data>(path: string, body: { operation_id: string }, signal: AbortSignal | undefined): Promise<Data>
  /** One attempt, answered with 200. @throws ChainBridgeError for a refusal */
  open(path: string, request: RequestInit & { readonly query?: Query }): Promise<Response>
}

const backoff = { backoffMs: 250, backoffMaxMs: 10_000 }

export function createTransport(options: ChainBridgeClientOptions): Transport {
  const { apiKey, appId, timeoutMs = 35_000 } = options
  // What a program that is not checked by types has forgotten, such as a variable of its environment.
  if (!URL.canParse(options.url))
    throw new TypeError(
      `name the address of the API as url, for example https://ledger.example; ${String(options.url)} is none`,
    )
  if (typeof apiKey !== "function" && (typeof apiKey !== "string" || apiKey === ""))
    throw new TypeError("name an API key or an access token as apiKey, or a function that gives one")
  const base = new URL(options.url).href.replace(/\/+$/, "").replace(/\/api\/v1$/, "")
  const bounds: Persistence = {
    attemptsMax: options.attemptsMax ?? 8,
    deadlineMs: options.deadlineMs ?? 120_000,
    ...backoff,
  }
  const send = options.fetch ?? ((...request: Parameters<typeof fetch>) => fetch(...request))

  const open: Transport["open"] = async (path, { query, headers, ...init }) => {
    const token = typeof apiKey === "string" ? apiKey : await apiKey()
    const response = await send(`${base}/api/v1${path}${queryString(query)}`, {
      ...init,
      // A redirect may make a write into a read, and what that answers into what is taken for recorded.
      redirect: init.method === "POST" ? "manual" : "follow",
      headers: {
        authorization: `Bearer ${token}`,
        ...(appId === undefined ? {} : { "x-app-id": appId }),
        ...headers,
      },
    })
    const isMoved = response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400)
    if (isMoved && init.method === "POST") {
      await response.body?.cancel()
      throw moved(response)
    }
    if (response.status !== 200) throw await readRefusal(response)
    return response
  }

  async function exchange<Data>(
    path: string,
    request: RequestInit & { readonly query?: Query },
    caller: AbortSignal | undefined,
  ): Promise<Data> {
    const { signal, release } = createAttemptSignal(timeoutMs, caller)
    try {
      return readData<Data>(await (await open(path, { ...request, signal })).text())
    } finally {
      release()
    }
  }

  return {
    timeoutMs,
    open,
    get: (path, query, signal) =>
      persist(() => exchange(path, query === undefined ? {} : { query }, signal), bounds, { signal }),
    post(path, body, signal) {
      const request = {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }
      return persist(() => exchange(path, request, signal), bounds, {
        signal,
        operationId: body.operation_id,
      })
    },
  }
}

/** @throws ChainBridgeError for what is no envelope: somebody else has answered, and what became of the request is not known */
function readData<Data>(text: string): Data {
  let said: unknown
  try {
    said = JSON.parse(text)
  } catch (cause) {
    throw unreadable(cause)
  }
  if (typeof said !== "object" || said === null || !("data" in said)) throw unreadable(undefined)
  return said.data as Data
}

function moved({ status, headers }: Response): ChainBridgeError {
  const to = headers.get("location")
  const message = `a write is sent where the API is, and not on${to === null ? "" : ` to ${to}`}: name its own address as url`
  return new ChainBridgeError(message, { code: "REDIRECTED", status: status === 0 ? 302 : status })
}

function unreadable(cause: unknown): ChainBridgeError {
  const message = "what came is no answer of the API: look at the address, and at what stands between"
  return new ChainBridgeError(message, { code: "UNREADABLE_ANSWER", cause })
}

function queryString(query: Query | undefined): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {}))
    if (value !== undefined) parameters.append(name, String(value))
  return parameters.size === 0 ? "" : `?${parameters}`
}

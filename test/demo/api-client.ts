import { setTimeout as sleep } from "node:timers/promises"

export type ApiError = { readonly field: string | null; readonly code: string; readonly message: string }
export type ApiAnswer<Data> =
  | { readonly ok: true; readonly data: Data; readonly isReplay: boolean }
  | { readonly ok: false; readonly status: number; readonly errors: readonly ApiError[] }

export type ApiClient = {
  /** One request, answered in the end: what could not be answered is sent again, the same. */
  ask<Data>(path: string, body?: unknown): Promise<ApiAnswer<Data>>
  /** @throws Error when the answer is a refusal */
  read<Data>(path: string, body?: unknown): Promise<Data>
  /** The raw answer, for what is no envelope; not repeated. */
  open(path: string): Promise<Response>
}

const pauseMs = 250
const attemptTimeoutMs = 35_000
/** Nothing is known of what happened, or nothing happened and it may next time. */
const retriedStatuses: ReadonlySet<number> = new Set([429, 503, 504])

/**
 * @param apiUrls one, or several processes of the same system: what one could not answer is asked of the next
 * @param patienceMs how long an API that does not answer is asked again
 */
export function createApiClient(
  apiUrls: string | readonly string[],
  apiKey: string,
  patienceMs: number,
  stopping?: AbortSignal,
): ApiClient {
  const urls = typeof apiUrls === "string" ? [apiUrls] : apiUrls
  let turn = 0
  const request = (path: string, body?: unknown): Promise<Response> => {
    const timeout = AbortSignal.timeout(attemptTimeoutMs)
    turn += 1
    return fetch(`${urls[turn % urls.length]}/api/v1${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
      signal: stopping === undefined ? timeout : AbortSignal.any([timeout, stopping]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }
  async function ask<Data>(path: string, body?: unknown): Promise<ApiAnswer<Data>> {
    for (const deadline = Date.now() + patienceMs; ; ) {
      let fault: unknown
      try {
        const response = await request(path, body)
        const envelope = (await response.json()) as { data?: Data; message?: string; errors?: ApiError[] }
        if (response.ok && envelope.data !== undefined) {
          const isReplay = response.headers.get("idempotent-replayed") === "true"
          return { ok: true, data: envelope.data, isReplay }
        }
        const errors = envelope.errors ?? []
        if (!retriedStatuses.has(response.status)) return { ok: false, status: response.status, errors }
        fault = `${response.status} ${envelope.message ?? ""}`
      } catch (error) {
        fault = error
      }
      if (stopping?.aborted === true || Date.now() > deadline)
        throw new Error(`${path} was not answered for ${patienceMs / 1_000} s`, { cause: fault })
      await sleep(pauseMs)
    }
  }
  return {
    ask,
    async read<Data>(path: string, body?: unknown) {
      const answer = await ask<Data>(path, body)
      if (answer.ok) return answer.data
      const [error] = answer.errors
      throw new Error(`${path} was refused: ${answer.status} ${error?.code ?? ""} ${error?.message ?? ""}`)
    },
    open: (path) => request(path),
  }
}

import { createHash } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { bodyOf, type LoadOperation } from "./load-operation.ts"

/** What an operation came to in the end. */
export type LoadOutcome = {
  readonly operation: LoadOperation
  /** Attempts that had no answer, or one that leaves the outcome open. */
  readonly openAttempts: number
  /** `data` of the answer, hashed; null where it was refused. */
  readonly dataHash: string | null
  readonly isReplay: boolean
}

export type WriteLoad = {
  /** By operation id; only what has its answer. */
  readonly outcomes: ReadonlyMap<string, LoadOutcome>
  /** Codes of the answers that left a write to be sent again, and how often each came. */
  readonly retriedCodes: ReadonlyMap<string, number>
  readonly inFlight: () => number
  /** Attempts that ended without an answer so far. */
  readonly cutOff: () => number
  /** No new operations; resolves when every one that was begun has its answer. */
  finish(): Promise<void>
}

/** Answers after which the same request is sent again: docs/errors.md. */
const retriedStatuses: ReadonlySet<number> = new Set([429, 503, 504])
const patienceMs = 60_000
const pauseMs = 20

/**
 * A backend that writes without a pause: every request is sent again, the same, until it is recorded or refused.
 * @param options.urls where the API can be asked at this moment; the next attempt goes to another one
 */
export function startWriteLoad(options: {
  readonly urls: () => readonly string[]
  readonly apiKey: string
  readonly connections: number
  readonly next: () => LoadOperation
  /** How long one attempt may take. */
  readonly attemptTimeoutMs?: number
  /** How long a connection rests after an answer. */
  readonly restMs?: number
}): WriteLoad {
  const outcomes = new Map<string, LoadOutcome>()
  const retriedCodes = new Map<string, number>()
  let inFlight = 0
  let cutOff = 0
  let attempts = 0
  let isFinishing = false
  let fault: unknown

  async function attempt(body: string): Promise<Response | undefined> {
    const urls = options.urls()
    const url = urls[attempts++ % Math.max(urls.length, 1)]
    if (url === undefined) return undefined
    inFlight += 1
    try {
      const response = await fetch(`${url}/api/v1/balance/adjust`, {
        method: "POST",
        headers: { authorization: `Bearer ${options.apiKey}`, "content-type": "application/json" },
        body,
        signal: AbortSignal.timeout(options.attemptTimeoutMs ?? 35_000),
      })
      // An answer that breaks off is none.
      return new Response(await response.text(), { status: response.status, headers: response.headers })
    } catch {
      cutOff += 1
      return undefined
    } finally {
      inFlight -= 1
    }
  }

  async function record(operation: LoadOperation): Promise<LoadOutcome> {
    const body = bodyOf(operation)
    let openAttempts = 0
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(pauseMs)) {
      const response = await attempt(body)
      if (response === undefined) {
        openAttempts += 1
        continue
      }
      const envelope = (await response.json()) as { data?: unknown; errors?: { code: string }[] }
      const code = envelope.errors?.[0]?.code ?? ""
      if (retriedStatuses.has(response.status)) {
        openAttempts += 1
        retriedCodes.set(code, (retriedCodes.get(code) ?? 0) + 1)
        continue
      }
      if (response.status === 200)
        return {
          operation,
          openAttempts,
          dataHash: hashData(envelope.data),
          isReplay: response.headers.get("idempotent-replayed") === "true",
        }
      if (code === "INSUFFICIENT_BALANCE") return { operation, openAttempts, dataHash: null, isReplay: false }
      throw new Error(`${operation.operationId} was answered with ${response.status} ${code}`)
    }
    throw new Error(`${operation.operationId} had no answer for ${patienceMs / 1_000} s`)
  }

  const workers = Array.from({ length: options.connections }, async () => {
    while (!isFinishing && fault === undefined) {
      const outcome = await record(options.next())
      outcomes.set(outcome.operation.operationId, outcome)
      if (options.restMs !== undefined) await sleep(options.restMs)
    }
  })
  // The first fault ends the load, and is told by whoever finishes it.
  for (const worker of workers)
    worker.catch((error: unknown) => {
      fault ??= error
    })
  return {
    outcomes,
    retriedCodes,
    inFlight: () => inFlight,
    cutOff: () => cutOff,
    async finish() {
      isFinishing = true
      await Promise.all(workers)
    },
  }
}

export function hashData(data: unknown): string {
  return createHash("sha256").update(JSON.stringify(data)).digest("hex")
}

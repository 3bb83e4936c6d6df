import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { isDeepStrictEqual } from "node:util"
import { formatUnits } from "viem"
import type { StackFile } from "../../cli/stack/stack-file.ts"

/** Base units, signed. */
export type Change = readonly [userId: string, units: bigint]

export type Operation = {
  readonly operationId: string
  readonly reason: string
  readonly changes: readonly Change[]
}

export type AdjustmentData = {
  readonly operation_id: string
  readonly position: string
  readonly balances: readonly { readonly balance_after: string }[]
}

/** A program that uses the API as its database: what it has no answer to it sends again, under the same id, until it has one. */
export type Backend = {
  /** Everything that was answered with `recorded`, by operation id, with that answer. */
  readonly recorded: ReadonlyMap<string, { readonly operation: Operation; readonly data: AdjustmentData }>
  /** Sends it once. @throws where there is no answer */
  send(operation: Operation): Promise<{ readonly status: number; readonly isReplay: boolean }>
  /** Sends it until it is recorded. @throws when it is refused, or when it is answered otherwise than it was before */
  record(operation: Operation): Promise<{ readonly data: AdjustmentData; readonly isReplay: boolean }>
  /** A read, repeated while nobody answers it. @throws when it is refused */
  read<Data>(path: string): Promise<Data>
  /** The event log as it is served, one object an event. */
  readLog(): Promise<Record<string, unknown>[]>
  /** After a start of its own a stack may be elsewhere. */
  moveTo(stack: StackFile): void
}

const attemptTimeoutMs = 35_000
const patienceMs = 60_000
/** What api.md allows to be sent again; every other failure is an answer. */
const retriedStatuses: ReadonlySet<number> = new Set([429, 503, 504])

/** A refund is of a priority that does not wait for others: it is sealed at once. */
export function operationOf(changes: readonly Change[], reason = "refund"): Operation {
  return { operationId: randomUUID(), reason, changes }
}

export function createBackend(initial: StackFile): Backend {
  let stack = initial
  const recorded = new Map<string, { operation: Operation; data: AdjustmentData }>()

  function request(path: string, body?: unknown): Promise<Response> {
    return fetch(`${stack.api_url}/api/v1${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${stack.api_key}`, "content-type": "application/json" },
      signal: AbortSignal.timeout(attemptTimeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  }

  async function persist<Result>(what: string, attempt: () => Promise<Result | undefined>): Promise<Result> {
    let fault: unknown
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(100)) {
      try {
        const result = await attempt()
        if (result !== undefined) return result
      } catch (error) {
        if (error instanceof Refused) throw error
        fault = error
      }
    }
    throw new Error(`${what} was not answered for ${patienceMs / 1_000} s`, { cause: fault })
  }

  async function answerTo(operation: Operation) {
    const response = await request("/balance/adjust", bodyOf(operation))
    const { data } = (await response.json()) as { data: AdjustmentData }
    const isReplay = response.headers.get("idempotent-replayed") === "true"
    if (response.status === 200) keep(operation, data)
    return { status: response.status, data, isReplay }
  }

  function keep(operation: Operation, data: AdjustmentData): void {
    const before = recorded.get(operation.operationId)
    if (before !== undefined && !isDeepStrictEqual(before.data, data)) {
      const both = JSON.stringify([before.data, data])
      throw new Refused(`${operation.operationId} is answered differently the second time: ${both}`)
    }
    recorded.set(operation.operationId, { operation, data })
  }

  return {
    recorded,
    send: answerTo,
    record: (operation) =>
      persist(operation.operationId, async () => {
        const { status, data, isReplay } = await answerTo(operation)
        if (status === 200) return { data, isReplay }
        if (retriedStatuses.has(status)) return undefined
        throw new Refused(`${operation.operationId} was answered with ${status}`)
      }),
    read: <Data>(path: string) =>
      persist(path, async () => {
        const response = await request(path)
        if (retriedStatuses.has(response.status)) return undefined
        const text = await response.text()
        if (!response.ok) throw new Refused(`${path}: ${response.status} ${text}`)
        return (JSON.parse(text) as { data: Data }).data
      }),
    readLog: () =>
      persist("the event log", async () => {
        const response = await request("/audit/events")
        if (!response.ok) return undefined
        const lines = (await response.text()).split("\n").filter((line) => line !== "")
        return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
      }),
    moveTo: (next) => {
      stack = next
    },
  }
}

class Refused extends Error {}

function bodyOf({ operationId, reason, changes }: Operation): unknown {
  return {
    operation_id: operationId,
    adjustments: changes.map(([user_id, units]) => ({
      user_id,
      token_symbol: "CPOP",
      amount: `${units < 0n ? "" : "+"}${formatUnits(units, 18)}`,
      reason_type: reason,
    })),
  }
}

import { z } from "zod"
import { parseQuantity } from "./agreement.ts"
import type { RpcEndpoint } from "./rpc-endpoint.ts"
import { isEndpointTrouble, RpcFault } from "./rpc-fault.ts"

export type ReadLimits = {
  /** How often a read goes through the list of endpoints. */
  readonly roundsMax: number
  readonly retryDelayMs: number
  /** An endpoint that has not answered a read after this long is not waited for alone: the next one is asked too, and the first answer counts. */
  readonly hedgeMs: number
  /** So many blocks behind the others, an endpoint is asked last. */
  readonly lagBlocksMax: number
  /** How often the endpoints' heads are compared, where there are several. */
  readonly headsEveryMs: number
}

export type EndpointReader = {
  /** One question, to one endpoint after the other until one answers. @throws what `failed` makes of the faults, or the chain's own refusal */
  read(method: string, params: unknown): Promise<unknown>
}

/** Reads that any one of the endpoints may answer: the preferred one first, those that lag behind the others last. */
export function createEndpointReader(options: {
  readonly endpoints: readonly RpcEndpoint[]
  readonly limits: ReadLimits
  readonly nowMs: () => number
  readonly failed: (method: string, faults: readonly RpcFault[]) => Error
}): EndpointReader {
  const { endpoints, limits, nowMs } = options
  let lagging: ReadonlySet<RpcEndpoint> = new Set()
  let comparedMs = nowMs()

  /** Nobody waits for it: what it finds is for the reads that come then. */
  async function compareHeads(): Promise<void> {
    const heads = await Promise.all(
      endpoints.map(async (endpoint) => {
        try {
          return parseQuantity(await endpoint.request("eth_blockNumber", []))
        } catch (error) {
          // One that fails is left to its circuit breaker.
          if (error instanceof RpcFault || error instanceof z.ZodError) return null
          throw error
        }
      }),
    )
    const known = heads.flatMap((head) => head ?? []).sort((a, b) => (a < b ? -1 : 1))
    // Of two the higher one; of more the middle one, so that one that lies about its head makes nobody else look late.
    const reference = known[Math.floor(known.length / 2)] ?? 0n
    lagging = new Set(
      endpoints.filter((_, index) => {
        const head = heads[index]
        return head != null && head + BigInt(limits.lagBlocksMax) < reference
      }),
    )
  }

  function inOrder(): RpcEndpoint[] {
    if (endpoints.length > 1 && nowMs() - comparedMs >= limits.headsEveryMs) {
      comparedMs = nowMs()
      compareHeads().catch(() => {
        lagging = new Set()
      })
    }
    return [...endpoints.filter((endpoint) => !lagging.has(endpoint)), ...lagging]
  }

  /** Asks the first, and with every pause or failure one more of them. @returns null when all of them failed */
  function askAll(
    order: readonly RpcEndpoint[],
    method: string,
    params: unknown,
    onFault: (endpoint: RpcEndpoint, fault: RpcFault) => void,
  ): Promise<{ readonly answer: unknown } | null> {
    return new Promise((resolve, reject) => {
      let [next, pending] = [0, 0]
      let timer: NodeJS.Timeout | undefined
      const askNext = (): void => {
        clearTimeout(timer)
        const endpoint = order[next]
        if (endpoint === undefined) {
          if (pending === 0) resolve(null)
          return
        }
        next += 1
        pending += 1
        if (next < order.length) timer = setTimeout(askNext, limits.hedgeMs)
        endpoint.request(method, params).then(
          (answer) => {
            clearTimeout(timer)
            resolve({ answer })
          },
          (error: unknown) => {
            pending -= 1
            if (error instanceof RpcFault && isEndpointTrouble(error)) {
              onFault(endpoint, error)
              askNext()
              return
            }
            clearTimeout(timer)
            reject(error)
          },
        )
      }
      askNext()
    })
  }

  return {
    async read(method, params) {
      const faults = new Map<string, RpcFault>()
      for (let round = 0; round < limits.roundsMax; round += 1) {
        if (round > 0) await delay(limits.retryDelayMs * 2 ** (round - 1))
        let wasAsked = false
        const answered = await askAll(inOrder(), method, params, (endpoint, fault) => {
          faults.set(endpoint.label, fault)
          wasAsked ||= fault.kind !== "circuit_open"
        })
        if (answered !== null) return answered.answer
        if (!wasAsked) break
      }
      throw options.failed(method, [...faults.values()])
    },
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

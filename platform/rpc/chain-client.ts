import { createPublicClient, custom, type Hex, type PublicClient } from "viem"
import { z } from "zod"
import { ChainBridgeError } from "../errors.ts"
import {
  type AgreedBlock,
  type AgreedLog,
  agreeByMajority,
  agreeOnBlock,
  agreeOnLogs,
  type LogFilter,
  middleOf,
  parseBlock,
  parseQuantity,
} from "./agreement.ts"
import type { CircuitBreakerLimits } from "./circuit-breaker.ts"
import { createEndpointReader, type ReadLimits } from "./read-endpoints.ts"
import { createRpcEndpoint, type RpcEndpoint, type RpcEndpointStatus } from "./rpc-endpoint.ts"
import { RpcFault } from "./rpc-fault.ts"

/** What one endpoint said to a transaction that was sent to it. */
export type BroadcastAnswer =
  | { readonly endpoint: string; readonly answer: "accepted"; readonly hash: string }
  | { readonly endpoint: string; readonly answer: "fault"; readonly fault: RpcFault }

/** The one way to a chain: several endpoints behind it, which may fail, lag and disagree. */
export type ChainClient = {
  readonly chainId: bigint
  /** viem's reads. Each goes to the first endpoint that works and does not lag, and to the next one as well when that takes its time; reverts are the chain's answer and are not tried elsewhere. */
  readonly reads: PublicClient
  /**
   * Sends a signed transaction and reports each answer; never throws for what an endpoint did. It goes to every endpoint at once, but where there is a private relay to that
   * alone: whoever wants it in the public pools as well has to say so.
   */
  broadcast(rawTransaction: Hex, audience?: "private" | "public"): Promise<BroadcastAnswer[]>
  /**
   * The number of the newest block: the middle one of what the endpoints say.
   * @throws ChainBridgeError RPC_UNAVAILABLE (retryable)
   */
  headNumber(): Promise<bigint>
  /** The newest block that the chain calls safe: the middle one of what the endpoints say. @throws as `headNumber` */
  safeNumber(): Promise<bigint>
  /**
   * The block at this height, agreed on by every endpoint that answers and has it.
   * @returns null when none has a block at this height
   * @throws ChainBridgeError RPC_DISAGREEMENT, RPC_UNAVAILABLE (both retryable)
   */
  canonicalBlock(blockNumber: bigint): Promise<AgreedBlock | null>
  /**
   * What each endpoint that works says, for what differs from one to the other by nature, such as fees: the caller takes the middle one.
   * @param parse throws a ZodError where the answer is not one
   * @throws ChainBridgeError RPC_UNAVAILABLE (retryable)
   */
  readEach<Result>(
    method: string,
    params: readonly unknown[],
    parse: (answer: unknown) => Result,
  ): Promise<Result[]>
  /**
   * What every endpoint that answers says alike, and more than half of them do: for what is decided once and for good and must not rest on one endpoint's word, such as the fate of a nonce.
   * @param parse throws a ZodError where the answer is not one
   * @throws ChainBridgeError RPC_DISAGREEMENT, RPC_UNAVAILABLE (both retryable)
   */
  readAgreed<Result>(
    method: string,
    params: readonly unknown[],
    parse: (answer: unknown) => Result,
  ): Promise<Result>
  /**
   * How many transactions of an account were mined up to and including a block: its lowest nonce that was not used. Agreed as `readAgreed`, and of the same block: an endpoint that does not have it has no say.
   * Ask about blocks past the confirmation depth: above it endpoints differ by nature, and older states than some dozen blocks are not kept by every node.
   * @throws ChainBridgeError RPC_DISAGREEMENT, RPC_UNAVAILABLE (both retryable)
   */
  transactionCountAt(address: Hex, blockNumber: bigint): Promise<bigint>
  /** The newest block that the chain calls final: the lowest that an endpoint names; null where none knows such a block. */
  finalizedNumber(): Promise<bigint | null>
  /**
   * Logs of whole blocks, agreed on by every endpoint that answers and has reached `toBlock`.
   * @throws ChainBridgeError RPC_DISAGREEMENT, RPC_UNAVAILABLE (both retryable)
   */
  getLogs(filter: LogFilter): Promise<AgreedLog[]>
  readonly status: () => RpcEndpointStatus[]
}

export type ChainClientLimits = ReadLimits & {
  readonly timeoutMs: number
  readonly breaker: CircuitBreakerLimits
  /** What each endpoint is asked at most, by this process. */
  readonly requestsPerSecond: number
  /** How long an answer with logs may be. */
  readonly logsBytesMax: number
}

const defaultChainClientLimits: ChainClientLimits = {
  timeoutMs: 5_000,
  roundsMax: 3,
  retryDelayMs: 100,
  hedgeMs: 1_000,
  lagBlocksMax: 3,
  headsEveryMs: 10_000,
  requestsPerSecond: 500,
  // Those of a block that settles for ten thousand accounts take some 8 MB, and a block is read as a whole.
  logsBytesMax: 128 * 1024 * 1024,
  breaker: { failuresMax: 5, openMs: 1_000, openMsMax: 30_000 },
}

/**
 * @param options.urls the chain's endpoints, the preferred one first
 * @param options.privateRelayUrl takes transactions and is asked nothing
 * @throws ChainBridgeError CONFIG_INVALID when there is none
 */
export function createChainClient(options: {
  readonly chainId: bigint
  readonly urls: readonly string[]
  readonly privateRelayUrl?: string | undefined
  readonly limits?: Partial<ChainClientLimits>
  readonly nowMs?: () => number
}): ChainClient {
  const { chainId } = options
  const limits = { ...defaultChainClientLimits, ...options.limits }
  const nowMs = options.nowMs ?? Date.now
  if (options.urls.length === 0) {
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `chain ${chainId} has no RPC endpoint: set CHAINBRIDGE_RPC_URLS_${chainId}`,
    )
  }
  const open = (url: string, place: number | "private"): RpcEndpoint =>
    createRpcEndpoint({ url, place, chainId, nowMs, ...limits })
  const endpoints = options.urls.map((url, index) => open(url, index + 1))
  const relays = options.privateRelayUrl === undefined ? [] : [open(options.privateRelayUrl, "private")]

  const { read } = createEndpointReader({
    ...{ endpoints, limits, nowMs },
    failed: (method, faults) => unavailable(chainId, method, faults),
  })

  /** The same question to every endpoint; those that fail are left out, unless all do. */
  async function readAll<Result>(
    what: string,
    question: (endpoint: RpcEndpoint) => Promise<Result>,
  ): Promise<Result[]> {
    const settled = await Promise.allSettled(endpoints.map(question))
    const faults: RpcFault[] = []
    const results: Result[] = []
    for (const [index, outcome] of settled.entries()) {
      if (outcome.status === "fulfilled") results.push(outcome.value)
      else if (outcome.reason instanceof RpcFault) faults.push(outcome.reason)
      else if (outcome.reason instanceof z.ZodError)
        faults.push(
          new RpcFault("not_json_rpc", endpoints[index]?.label ?? "", `${what}: not the shape of an answer`, {
            mayHaveArrived: true,
          }),
        )
      else throw outcome.reason
    }
    if (results.length === 0) throw unavailable(chainId, what, faults)
    return results
  }

  const readEach: ChainClient["readEach"] = (method, params, parse) =>
    readAll(method, async (endpoint) => parse(await endpoint.request(method, params)))

  return {
    chainId,
    readEach,
    reads: createPublicClient({
      transport: custom(
        {
          request: ({ method, params }: { method: string; params?: unknown }) =>
            read(method, params ?? []).catch(rethrowForViem),
        },
        { retryCount: 0 },
      ),
      // A head that is some seconds old would make every decision about depth wrong.
      cacheTime: 0,
    }),
    async broadcast(rawTransaction, audience = "private") {
      const isPublic = audience === "public" || relays.length === 0
      return Promise.all(
        [...relays, ...(isPublic ? endpoints : [])].map(async (endpoint): Promise<BroadcastAnswer> => {
          try {
            const hash = await endpoint.request("eth_sendRawTransaction", [rawTransaction])
            return { endpoint: endpoint.label, answer: "accepted", hash: String(hash) }
          } catch (error) {
            if (!(error instanceof RpcFault)) throw error
            return { endpoint: endpoint.label, answer: "fault", fault: error }
          }
        }),
      )
    },
    async headNumber() {
      return middleOf(await readEach("eth_blockNumber", [], parseQuantity), (head) => head)
    },
    async safeNumber() {
      const blocks = await readAll("eth_getBlockByNumber", async (endpoint) =>
        parseBlock(await endpoint.request("eth_getBlockByNumber", ["safe", false])),
      )
      const numbers = blocks.flatMap((block) => block?.number ?? [])
      if (numbers.length === 0) throw unavailable(chainId, "which block is safe", [])
      return middleOf(numbers, (number) => number)
    },
    async readAgreed(method, params, parse) {
      return agreeByMajority(chainId, method, endpoints.length, await readEach(method, params, parse))
    },
    async transactionCountAt(address, blockNumber) {
      const at = toHex(blockNumber)
      const answers = await readAll("eth_getTransactionCount", async (endpoint) => {
        const block = parseBlock(await endpoint.request("eth_getBlockByNumber", [at, false]))
        // A node without the block would answer for an older one, or from whatever it takes for the newest.
        if (block === null) return null
        const count = parseQuantity(await endpoint.request("eth_getTransactionCount", [address, at]))
        return { blockHash: block.hash, count }
      })
      const known = answers.flatMap((answer) => answer ?? [])
      const what = `eth_getTransactionCount at block ${blockNumber}`
      return agreeByMajority(chainId, what, endpoints.length, known).count
    },
    async finalizedNumber() {
      const blocks = await readAll("eth_getBlockByNumber", async (endpoint) => {
        try {
          return parseBlock(await endpoint.request("eth_getBlockByNumber", ["finalized", false]))
        } catch (error) {
          // Not every chain has such blocks, and its nodes have their own words for that.
          if (error instanceof RpcFault && error.kind === "rpc_error") return null
          throw error
        }
      })
      const numbers = blocks.flatMap((block) => block?.number ?? [])
      return numbers.sort((a, b) => (a < b ? -1 : 1))[0] ?? null
    },
    async canonicalBlock(blockNumber) {
      return agreeOnBlock(
        chainId,
        blockNumber,
        await readAll("eth_getBlockByNumber", async (endpoint) =>
          parseBlock(await endpoint.request("eth_getBlockByNumber", [toHex(blockNumber), false])),
        ),
      )
    },
    getLogs: (filter) => agreeOnLogs(chainId, filter, (question) => readAll("eth_getLogs", question)),
    status: () => [...endpoints, ...relays].map((endpoint) => endpoint.status()),
  }
}

/** viem tells a revert by the numeric code and the data of what its transport throws. */
function rethrowForViem(error: unknown): never {
  if (error instanceof RpcFault && error.kind === "rpc_error") {
    throw Object.assign(new Error(error.rpcMessage ?? error.message, { cause: error }), {
      code: error.rpcCode,
      data: error.data,
    })
  }
  throw error
}

function unavailable(chainId: bigint, what: string, faults: readonly RpcFault[]): ChainBridgeError {
  const reasons = faults.map((fault) => fault.message).join("; ")
  return new ChainBridgeError(
    "RPC_UNAVAILABLE",
    `chain ${chainId}: no endpoint answered ${what}: ${reasons}`,
    {
      retryable: true,
      cause: faults[0],
    },
  )
}

function toHex(value: bigint): Hex {
  return `0x${value.toString(16)}`
}

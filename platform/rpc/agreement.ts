import { isDeepStrictEqual } from "node:util"
import type { Hex } from "viem"
import { z } from "zod"
import { ChainBridgeError } from "../errors.ts"
import type { RpcEndpoint } from "./rpc-endpoint.ts"

export type LogFilter = {
  readonly addresses: readonly Hex[]
  readonly fromBlock: bigint
  readonly toBlock: bigint
  /** As eth_getLogs takes them: null is any, a list is one of. */
  readonly topics?: readonly (Hex | readonly Hex[] | null)[]
}

/** Hashes and addresses in lower case. */
export type AgreedLog = {
  readonly address: Hex
  readonly topics: readonly Hex[]
  readonly data: Hex
  readonly blockNumber: bigint
  readonly blockHash: Hex
  readonly transactionHash: Hex
  readonly logIndex: number
}

const hex = z
  .custom<Hex>((value) => typeof value === "string" && /^0x[0-9a-fA-F]*$/.test(value))
  .transform((value) => value.toLowerCase() as Hex)
const quantity = hex.transform((value) => BigInt(value))
const blockSchema = z
  .object({ number: quantity, hash: hex, timestamp: quantity })
  .transform(({ number, hash, timestamp }) => ({ number, hash, time: new Date(Number(timestamp) * 1_000) }))
  .nullable()
const logsSchema = z.array(
  z.object({
    address: hex,
    topics: z.array(hex),
    data: hex,
    blockNumber: quantity,
    blockHash: hex,
    transactionHash: hex,
    logIndex: quantity.transform(Number),
  }),
)

export const parseQuantity = (answer: unknown): bigint => quantity.parse(answer)
export const parseBlock = (answer: unknown): AgreedBlock | null => blockSchema.parse(answer)

/** A block as the endpoints agree on it. */
export type AgreedBlock = { readonly number: bigint; readonly hash: Hex; readonly time: Date }

/** An endpoint without the block lags behind and has no say; the others have to name the same hash. */
export function agreeOnBlock(
  chainId: bigint,
  blockNumber: bigint,
  answers: readonly (AgreedBlock | null)[],
): AgreedBlock | null {
  const [block, ...others] = answers.flatMap((answer) => answer ?? [])
  if (block === undefined) return null
  if (others.some((other) => other.hash !== block.hash))
    throw disagreement(chainId, `the hash of block ${blockNumber}`)
  return block
}

/**
 * @param endpointCount how many the chain has, whether they answer or not
 * @throws ChainBridgeError RPC_UNAVAILABLE where not more than half of them have answered, RPC_DISAGREEMENT unless all answers are alike
 */
export function agreeByMajority<Result>(
  chainId: bigint,
  what: string,
  endpointCount: number,
  answers: readonly Result[],
): Result {
  const [first, ...others] = answers
  if (first === undefined || answers.length * 2 <= endpointCount) {
    throw new ChainBridgeError(
      "RPC_UNAVAILABLE",
      `chain ${chainId}: ${answers.length} of ${endpointCount} endpoints answered ${what}, and more than half have to`,
      { retryable: true },
    )
  }
  if (others.some((other) => !isDeepStrictEqual(other, first))) throw disagreement(chainId, what)
  return first
}

/** The answer in the middle, by a figure; the lower of two: an endpoint that lies or lags does not decide alone. */
export function middleOf<Answer>(answers: readonly Answer[], figureOf: (answer: Answer) => bigint): Answer {
  const sorted = answers
    .map((answer) => ({ answer, figure: figureOf(answer) }))
    .sort((a, b) => (a.figure < b.figure ? -1 : a.figure > b.figure ? 1 : 0))
  const middle = sorted[Math.floor((sorted.length - 1) / 2)]
  if (middle === undefined) throw new TypeError("nobody has answered")
  return middle.answer
}

/** Compares what every endpoint that has reached the end of the range finds in it: one that lags would leave out the newest logs without a word. */
export async function agreeOnLogs(
  chainId: bigint,
  filter: LogFilter,
  readAll: (
    question: (endpoint: RpcEndpoint) => Promise<AgreedLog[] | null>,
  ) => Promise<(AgreedLog[] | null)[]>,
): Promise<AgreedLog[]> {
  const parameters = {
    address: filter.addresses,
    fromBlock: `0x${filter.fromBlock.toString(16)}`,
    toBlock: `0x${filter.toBlock.toString(16)}`,
    ...(filter.topics === undefined ? {} : { topics: filter.topics }),
  }
  const answers = await readAll(async (endpoint) => {
    const head = quantity.parse(await endpoint.request("eth_blockNumber", []))
    if (head < filter.toBlock) return null
    return logsSchema.parse(await endpoint.request("eth_getLogs", [parameters])).sort(byPlace)
  })
  const [first, ...others] = answers.flatMap((answer) => (answer === null ? [] : [answer]))
  if (first === undefined) {
    throw new ChainBridgeError(
      "RPC_UNAVAILABLE",
      `chain ${chainId}: no endpoint has reached block ${filter.toBlock}`,
      {
        retryable: true,
      },
    )
  }
  const wanted = fingerprint(first)
  if (others.some((other) => fingerprint(other) !== wanted))
    throw disagreement(chainId, `the logs of blocks ${filter.fromBlock} to ${filter.toBlock}`)
  return first
}

function byPlace(a: AgreedLog, b: AgreedLog): number {
  return a.blockNumber === b.blockNumber ? a.logIndex - b.logIndex : a.blockNumber < b.blockNumber ? -1 : 1
}

function fingerprint(logs: readonly AgreedLog[]): string {
  return JSON.stringify(logs.map((log) => ({ ...log, blockNumber: log.blockNumber.toString() })))
}

function disagreement(chainId: bigint, what: string): ChainBridgeError {
  return new ChainBridgeError(
    "RPC_DISAGREEMENT",
    `the endpoints of chain ${chainId} do not agree on ${what}`,
    {
      retryable: true,
    },
  )
}

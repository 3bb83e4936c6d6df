export type RpcCall = { readonly id: unknown; readonly method: string; readonly params?: readonly unknown[] }
type Ask = (method: string, params: readonly unknown[]) => Promise<{ result?: unknown; error?: unknown }>

/** Of a block's hash or the pool; whatever else is asked of a state. */
const tags: ReadonlySet<unknown> = new Set(["latest", "pending", "safe", "finalized"])
const byNumber: ReadonlySet<string> = new Set(["eth_getBlockByNumber", "eth_getBlockReceipts"])
const bound: ReadonlySet<string> = new Set([
  "eth_getTransactionReceipt",
  "eth_getTransactionByHash",
  "eth_getBlockByHash",
])

/**
 * What a node would answer that has not seen the newest blocks yet, made from the answers of one that has.
 * @returns `isChanged`: the node itself would have answered otherwise
 */
export async function answerBehind(
  call: RpcCall,
  blocks: number,
  ask: Ask,
): Promise<{ readonly body: object; readonly isChanged: boolean }> {
  const head = Number((await ask("eth_blockNumber", [])).result)
  const limit = Math.max(0, head - blocks)
  const envelope = { jsonrpc: "2.0", id: call.id }
  const { method, params = [] } = call
  if (method === "eth_blockNumber")
    return { body: { ...envelope, result: hex(limit) }, isChanged: limit < head }
  if (method === "eth_getLogs") return logsUpTo(limit)
  const asked = params.map((value) => (tags.has(value) ? hex(limit) : value))
  const isMoved = asked.some((value, index) => value !== params[index])
  if (asked.some((value, index) => index < 3 && isBlockAbove(value, limit, method, index))) {
    const isAbsent = byNumber.has(method)
    const error = { code: -32_000, message: "header not found" }
    return { body: { ...envelope, ...(isAbsent ? { result: null } : { error }) }, isChanged: true }
  }
  const answer = await ask(method, asked)
  if (bound.has(method) && numberOf(answer.result) > limit)
    return { body: { ...envelope, result: null }, isChanged: true }
  return { body: { ...envelope, ...answer }, isChanged: isMoved && limit < head }

  async function logsUpTo(newest: number): Promise<{ body: object; isChanged: boolean }> {
    const [filter] = params as [{ fromBlock?: string; toBlock?: string; blockHash?: string }]
    if (filter.blockHash !== undefined)
      return { body: { ...envelope, ...(await ask(method, params)) }, isChanged: false }
    const to = filter.toBlock === undefined || tags.has(filter.toBlock) ? head : Number(filter.toBlock)
    const from =
      filter.fromBlock === undefined || tags.has(filter.fromBlock) ? newest : Number(filter.fromBlock)
    if (from > newest) return { body: { ...envelope, result: [] }, isChanged: true }
    const answer = await ask(method, [{ ...filter, toBlock: hex(Math.min(to, newest)) }])
    return { body: { ...envelope, ...answer }, isChanged: to > newest }
  }
}

/** Block numbers are the first parameter of what asks for a block, the second or third of what asks for a state. */
function isBlockAbove(value: unknown, limit: number, method: string, index: number): boolean {
  if (typeof value !== "string" || !/^0x[0-9a-f]{1,12}$/.test(value)) return false
  const isPlace = byNumber.has(method) ? index === 0 : index > 0 && method !== "eth_getStorageAt"
  return isPlace && Number(value) > limit
}

function numberOf(result: unknown): number {
  const { blockNumber, number } = (result ?? {}) as { blockNumber?: string | null; number?: string | null }
  return Number(blockNumber ?? number ?? 0)
}

function hex(value: number): string {
  return `0x${value.toString(16)}`
}

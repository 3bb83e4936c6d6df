import { setTimeout as sleep } from "node:timers/promises"
import pg from "pg"
import { toEventSelector, toHex } from "viem"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import type { PlannedFault } from "../plan/draw-plan.ts"
import type { tracks } from "../plan/fault-kinds.ts"
import type { FaultContext } from "./provoke.ts"

type ChainFault = PlannedFault & { readonly kind: (typeof tracks.chain)[number] }
type Block = { readonly number: string; readonly hash: string; readonly baseFeePerGas: string }

export const signerCoins = toHex(10_000n * 10n ** 18n)
const patienceMs = 3_000
const attemptsMax = 4
/** As config/chains.yaml has it. */
const confirmationBlocks = 2
const aimMs = 12_000
const settledTopic = toEventSelector("BatchSettled(uint256,bytes32,uint256,uint256)")
const gwei = 10n ** 9n

export async function provokeOfChain({ stack, note }: FaultContext, fault: ChainFault): Promise<number> {
  const rpc = <Result>(method: string, ...params: unknown[]) =>
    callJsonRpc(stack.rpcUrl, method, params) as Promise<Result>
  /** While anvil takes blocks back it may say that there is none. */
  const block = async (at: number | "latest"): Promise<Block> => {
    for (const deadline = Date.now() + patienceMs; ; await sleep(50)) {
      const found = await rpc<Block | null>("eth_getBlockByNumber", at === "latest" ? at : toHex(at), false)
      if (found !== null) return found
      if (Date.now() > deadline) throw new Error(`the node has no block ${at}`)
    }
  }
  const head = async () => Number((await block("latest")).number)

  switch (fault.kind) {
    case "fee-spike":
      return spike()
    case "signer-drained":
      return drain()
    default:
      return reorganise(Number(fault.kind.slice("reorg-".length)))
  }

  /** Again where so many blocks came in between that it was less deep than it had to be. */
  async function reorganise(depth: number): Promise<number> {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1)
      if ((await reorganiseOnce(depth)) === depth) return 1
    return 0
  }

  /**
   * Waits until it takes a settlement with it; one that goes below what counts as final, until that was confirmed.
   * @returns how many of the newest blocks are others now
   */
  async function reorganiseOnce(depth: number): Promise<number> {
    while ((await head()) <= depth) await sleep(200)
    for (const deadline = Date.now() + aimMs; Date.now() < deadline; await sleep(100))
      if (await takesAlong(depth)) break
    const top = await head()
    const heights = Array.from({ length: depth }, (_, index) => top - index)
    const before = await Promise.all(heights.map(async (at) => (await block(at)).hash))
    await rpc("anvil_reorg", depth, [])
    // It takes back what filled the signer up again, too.
    await rpc("anvil_setBalance", stack.signer, signerCoins)
    const after = await Promise.all(heights.map(async (at) => (await block(at)).hash))
    const changed = before.filter((hash, index) => hash !== after[index]).length
    note(`reorganised ${changed} of the ${depth} blocks up to ${top}`)
    return changed
  }

  async function takesAlong(depth: number): Promise<boolean> {
    const top = await head()
    const newest = depth > confirmationBlocks ? await confirmedBlock(stack.databaseUrl) : top
    if (newest <= top - depth) return false
    const range = { fromBlock: toHex(top - depth + 1), toBlock: toHex(newest) }
    const filter = { address: stack.token, topics: [settledTopic], ...range }
    return (await rpc<unknown[]>("eth_getLogs", filter)).length > 0
  }

  async function spike(): Promise<number> {
    const { number, baseFeePerGas } = await block("latest")
    const usual = BigInt(baseFeePerGas)
    // Above what twice the usual fee and a tip pay for, so that what was signed before waits.
    const high = BigInt(20 * fault.size) * gwei
    await rpc("anvil_setNextBlockBaseFeePerGas", toHex(high))
    await blockAfter(Number(number))
    const next = await block(Number(number) + 1)
    note(`the base fee went from ${usual} to ${BigInt(next.baseFeePerGas)}`)
    await sleep(fault.durationMs)
    return BigInt(next.baseFeePerGas) === high ? 1 : 0
  }

  /** Waits for the next block, and makes it where another fault has stopped them. */
  async function blockAfter(number: number): Promise<void> {
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(100))
      if ((await head()) > number) return
    await rpc("evm_mine")
  }

  async function drain(): Promise<number> {
    const began = await head()
    await rpc("anvil_setBalance", stack.signer, "0x0")
    await sleep(fault.durationMs)
    await blockAfter(began)
    const last = await head()
    const left = await rpc<string>("eth_getBalance", stack.signer, toHex(last))
    await rpc("anvil_setBalance", stack.signer, signerCoins)
    return BigInt(left) === 0n ? 1 : 0
  }
}

/** @returns -1 while PostgreSQL does not answer */
async function confirmedBlock(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 1_000 })
  client.on("error", () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ at: string }>(
      "SELECT max(block_number)::text AS at FROM ledger.chain_cursors",
    )
    return Number(rows[0]?.at ?? -1)
  } catch {
    return -1
  } finally {
    await client.end().catch(() => undefined)
  }
}

import { setTimeout as sleep } from "node:timers/promises"
import { toHex } from "viem"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import type { PlannedFault } from "../plan/draw-plan.ts"
import type { tracks } from "../plan/fault-kinds.ts"
import type { FaultContext } from "./provoke.ts"

type ChainFault = PlannedFault & { readonly kind: (typeof tracks.chain)[number] }
type Block = { readonly number: string; readonly hash: string; readonly baseFeePerGas: string }

export const signerCoins = toHex(10_000n * 10n ** 18n)
const patienceMs = 10_000
const gwei = 10n ** 9n

export async function provokeOfChain({ stack, note }: FaultContext, fault: ChainFault): Promise<number> {
  const rpc = <Result>(method: string, ...params: unknown[]) =>
    callJsonRpc(stack.rpcUrl, method, params) as Promise<Result>
  const block = (at: number | "latest") =>
    rpc<Block>("eth_getBlockByNumber", at === "latest" ? at : toHex(at), false)
  const head = async () => Number((await block("latest")).number)

  switch (fault.kind) {
    case "fee-spike":
      return spike()
    case "signer-drained":
      return drain()
    default:
      return reorganise(Number(fault.kind.slice("reorg-".length)))
  }

  async function reorganise(depth: number): Promise<number> {
    while ((await head()) <= depth) await sleep(200)
    const top = await head()
    const heights = Array.from({ length: depth }, (_, index) => top - index)
    const before = await Promise.all(heights.map(async (at) => (await block(at)).hash))
    await rpc("anvil_reorg", depth, [])
    // It takes back what filled the signer up again, too.
    await rpc("anvil_setBalance", stack.signer, signerCoins)
    const after = await Promise.all(heights.map(async (at) => (await block(at)).hash))
    const changed = before.filter((hash, index) => hash !== after[index]).length
    note(`reorganised ${changed} of the ${depth} blocks up to ${top}`)
    // A block that came in between makes it one less deep below the head that was read; counted is what it was below its own.
    return changed >= depth - 1 && changed > 0 ? 1 : 0
  }

  async function spike(): Promise<number> {
    const { number, baseFeePerGas } = await block("latest")
    const usual = BigInt(baseFeePerGas)
    // Above what twice the usual fee and a tip pay for, so that what was signed before waits.
    const high = BigInt(20 * fault.size) * gwei
    await rpc("anvil_setNextBlockBaseFeePerGas", toHex(high))
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(100)) {
      const next = await block("latest")
      if (Number(next.number) > Number(number)) {
        note(`the base fee went from ${usual} to ${BigInt(next.baseFeePerGas)}`)
        await sleep(fault.durationMs)
        return BigInt(next.baseFeePerGas) === high ? 1 : 0
      }
    }
    return 0
  }

  async function drain(): Promise<number> {
    const began = await head()
    await rpc("anvil_setBalance", stack.signer, "0x0")
    await sleep(fault.durationMs)
    while ((await head()) <= began) await sleep(100)
    const last = await head()
    const left = await rpc<string>("eth_getBalance", stack.signer, toHex(last))
    await rpc("anvil_setBalance", stack.signer, signerCoins)
    return BigInt(left) === 0n ? 1 : 0
  }
}

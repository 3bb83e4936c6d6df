import type { Hex } from "viem"
import { type Address, createPublicClient, http, parseEventLogs } from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import type { StackFile } from "../../cli/stack/stack-file.ts"
import { callJsonRpc } from "./call-json-rpc.ts"
import { waitUntil } from "./wait-until.ts"

export type SettledOnChain = { readonly batchId: bigint; readonly blockNumber: bigint; readonly hash: Hex }

/** The stack's chain, as the one who runs the node sees it. */
export type ChainControl = {
  head(): Promise<bigint>
  /** Waits for a settlement after so many; in the order of the chain. */
  settlement(after: number): Promise<SettledOnChain>
  settlements(): Promise<SettledOnChain[]>
  /**
   * Replaces the newest blocks by as many others, without their transactions but for these, each in the so-manieth of the new blocks.
   * The node's pool does not get the others back.
   */
  reorg(depth: number, kept?: readonly (readonly [raw: Hex, blockOffset: number])[]): Promise<void>
  /** Runs something while no block comes by itself, so that a depth is what it was when it was read. */
  stoodStill<Result>(work: () => Promise<Result>): Promise<Result>
}

export function controlChain(stack: StackFile): ChainControl {
  const client = createPublicClient({ transport: http(stack.rpc_url), cacheTime: 0 })
  const rpc = (method: string, ...params: unknown[]) => callJsonRpc(stack.rpc_url, method, params)
  const control: ChainControl = {
    head: () => client.getBlockNumber(),
    async settlements() {
      const raw = await client.getLogs({
        address: stack.token_address as Address,
        fromBlock: 0n,
        toBlock: "latest",
      })
      const logs = parseEventLogs({ abi: cpopTokenAbi, eventName: "BatchSettled", logs: raw })
      return logs.map(({ args, blockNumber, transactionHash }) => ({
        batchId: args.batchId,
        blockNumber,
        hash: transactionHash,
      }))
    },
    settlement: (after) =>
      waitUntil(async () => (await control.settlements())[after] ?? false, {
        what: `the chain has more than ${after} settlements`,
        timeoutMs: 60_000,
      }),
    async reorg(depth, kept = []) {
      await rpc("anvil_reorg", depth, kept)
    },
    async stoodStill(work) {
      await rpc("evm_setIntervalMining", 0)
      try {
        return await work()
      } finally {
        await rpc("evm_setIntervalMining", 1)
      }
    },
  }
  return control
}

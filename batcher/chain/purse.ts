import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import type { Batcher } from "../batcher-context.ts"
import type { SignerKey } from "../store/leases.ts"
import { readSignerSpending } from "../store/signer-spending.ts"
import type { TurnReads } from "./desk-turn.ts"

/** What a signer can still promise in one turn: its coins without the most that everything can cost that is signed and not mined. */
export type Purse = {
  /**
   * Sets a transaction's highest price aside.
   * @returns `empty`: not even if nothing else waited for a block · `later`: when some of that is mined
   * @throws ChainBridgeError RPC_UNAVAILABLE
   */
  take(wei: bigint): Promise<"taken" | "later" | "empty">
  /** Whether it said `later` a moment ago: then nothing is simulated for it. */
  isShort(): boolean
}

/** Outlives the turns. */
export type Shortage = { untilMs: number }

const shortageMs = 1_000

export function createPurse(
  { db, now }: Batcher,
  client: ChainClient,
  signer: SignerKey & { readonly address: `0x${string}` },
  reads: TurnReads,
  shortage: Shortage,
): Purse {
  let opened: Promise<{ balance: bigint; reserved: bigint }> | undefined
  async function open(): Promise<{ balance: bigint; reserved: bigint }> {
    const { address } = signer
    const [balance, latestCount] = await Promise.all([
      client.reads.getBalance({ address }),
      reads.latestCount(address),
    ])
    const { reserved } = await readSignerSpending(db, signer, latestCount)
    return { balance, reserved }
  }
  return {
    async take(wei) {
      opened ??= open()
      const purse = await opened
      if (purse.balance < wei) return "empty"
      if (purse.balance < purse.reserved + wei) {
        shortage.untilMs = now().getTime() + shortageMs
        return "later"
      }
      purse.reserved += wei
      return "taken"
    },
    isShort: () => now().getTime() < shortage.untilMs,
  }
}

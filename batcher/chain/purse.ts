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
}

export function createPurse(
  { db }: Batcher,
  client: ChainClient,
  signer: SignerKey & { readonly address: `0x${string}` },
  reads: TurnReads,
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
      if (purse.balance < purse.reserved + wei) return "later"
      purse.reserved += wei
      return "taken"
    },
  }
}

import { type Address, createPublicClient, type Hex, http, type PublicClient } from "viem"

export type ChainReader = {
  readonly client: PublicClient
  /** @returns base units, in the order of the accounts, all at one block */
  balancesAt(token: Address, accounts: readonly Address[], blockNumber: bigint): Promise<bigint[]>
}

/** `balanceOf(address)` */
const balanceOfSelector = "0x70a08231"
const callsAtOnce = 200

/** The chain as anybody can ask it. */
export function createChainReader(rpcUrl: string): ChainReader {
  const client = createPublicClient({
    transport: http(rpcUrl, {
      batch: { batchSize: callsAtOnce },
      retryCount: 3,
      timeout: 30_000,
      maxResponseBodySize: false,
    }),
    pollingInterval: 100,
    cacheTime: 0,
  })
  return {
    client,
    async balancesAt(token, accounts, blockNumber) {
      const balances: bigint[] = []
      for (let from = 0; from < accounts.length; from += callsAtOnce) {
        const page = accounts.slice(from, from + callsAtOnce)
        const answers = await Promise.all(
          page.map((account) => {
            const data: Hex = `${balanceOfSelector}${account.slice(2).padStart(64, "0")}`
            return client.call({ to: token, data, blockNumber })
          }),
        )
        balances.push(...answers.map(({ data }) => BigInt(data ?? "0x0")))
      }
      return balances
    },
  }
}

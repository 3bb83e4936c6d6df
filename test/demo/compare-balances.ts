import type { Address } from "viem"
import type { BalanceAnswer, WalletAnswer } from "./api-answers.ts"
import type { ApiClient } from "./api-client.ts"
import type { ChainReader } from "./chain-reader.ts"
import { forEachLimited } from "./for-each-limited.ts"

export type Sums = {
  /** Of the demo's own bookkeeping. */
  readonly expected: bigint
  readonly available: bigint
  readonly confirmed: bigint
  readonly chain: bigint
}
export type BalanceDifference = { readonly userId: string } & Sums
export type Comparison = {
  readonly sums: Sums
  readonly users: number
  readonly blockNumber: bigint
  readonly differences: readonly BalanceDifference[]
}

const requestsAtOnce = 16

/** Holds everybody's balance by our own bookkeeping against what the API says and what the token says. */
export async function compareBalances(options: {
  readonly api: ApiClient
  readonly chain: ChainReader
  readonly token: {
    readonly address: Address
    readonly symbol: string
    readonly chainId: number
    readonly decimals: number
  }
  readonly expected: ReadonlyMap<string, bigint>
}): Promise<Comparison> {
  const { api, chain, token } = options
  const users = [...options.expected]
  const read = await forEachLimited(users, requestsAtOnce, async ([userId, expected]) => {
    const path = encodeURIComponent(userId)
    const { wallets } = await api.read<WalletAnswer>(`/wallet/${path}`)
    const address = wallets.find((wallet) => wallet.chain_id === token.chainId)?.aa_address
    if (address === undefined) throw new Error(`${userId} has no address on chain ${token.chainId}`)
    const answer = await api.ask<BalanceAnswer>(
      `/balance/${path}?token_symbol=${token.symbol}&chain_id=${token.chainId}`,
    )
    // Whoever had nothing but refusals is nobody to the ledger.
    const [balance] = answer.ok ? answer.data.balances : []
    if (balance === undefined) return { userId, address, expected, available: 0n, confirmed: 0n }
    const units = (text: string) => unitsOf(text, token.decimals)
    return {
      userId,
      address,
      expected,
      available: units(balance.available_balance),
      confirmed: units(balance.confirmed_balance),
    }
  })
  const blockNumber = await chain.client.getBlockNumber({ cacheTime: 0 })
  const balances = await chain.balancesAt(
    token.address,
    read.map(({ address }) => address),
    blockNumber,
  )
  const rows = read.map(({ address: _, ...row }, index) => ({ ...row, chain: balances[index] ?? -1n }))
  const sum = (of: (row: Sums) => bigint) => rows.reduce((total, row) => total + of(row), 0n)
  return {
    sums: {
      expected: sum((row) => row.expected),
      available: sum((row) => row.available),
      confirmed: sum((row) => row.confirmed),
      chain: sum((row) => row.chain),
    },
    users: rows.length,
    blockNumber,
    differences: rows.filter(
      ({ expected, available, confirmed, chain: held }) =>
        available !== expected || confirmed !== expected || held !== expected,
    ),
  }
}

/** Answers print all decimals of the token. */
function unitsOf(text: string, decimals: number): bigint {
  const [whole = "", fraction = ""] = text.split(".")
  return BigInt(whole + fraction.padEnd(decimals, "0"))
}

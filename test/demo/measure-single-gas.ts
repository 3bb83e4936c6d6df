import {
  type Address,
  encodeFunctionData,
  type Hex,
  keccak256,
  numberToHex,
  type PublicClient,
  sliceHex,
  toHex,
  zeroHash,
} from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"

export type SingleChange = { readonly userId: string; readonly amountBaseUnits: bigint }
export type SingleGas = { readonly gas: bigint; readonly transactions: number }

type Call = { readonly from: Address; readonly to: Address; readonly data: Hex; readonly gas: Hex }
type SimulatedBlock = { readonly calls: readonly { readonly status: Hex; readonly gasUsed: Hex }[] }

const callsPerBlock = 100
const blocksPerRequest = 10
/** Far above what a mint or burn needs, and callsPerBlock of them fit a block. */
const gasPerCall = numberToHex(200_000)

/**
 * What these changes would cost as a transaction each: every one is executed, in order, as a mint or burn of the same token on the same chain by
 * eth_simulateV1, which leaves nothing behind. Fresh addresses stand in for the users, so that the first credit of each is that of a new holder.
 * @throws Error when the node cannot simulate or a transaction would fail
 */
export async function measureSingleGas(
  client: PublicClient,
  token: Address,
  changes: readonly SingleChange[],
): Promise<SingleGas> {
  const admin = await findAdmin(client, token)
  const call = (data: Hex): Call => ({ from: admin, to: token, data, gas: gasPerCall })
  const roles = [grantRole("MINTER_ROLE", admin), grantRole("BURNER_ROLE", admin)].map(call)
  const balances = new Map<string, bigint>()
  const perRequest = callsPerBlock * blocksPerRequest
  let gas = 0n
  for (let from = 0; from < changes.length; from += perRequest) {
    const page = changes.slice(from, from + perRequest)
    const held = [...new Set(page.map(({ userId }) => userId))].flatMap((userId) => {
      const balance = balances.get(userId) ?? 0n
      return balance > 0n ? [call(mintOrBurn(userId, balance))] : []
    })
    const measured = page.map(({ userId, amountBaseUnits }) => call(mintOrBurn(userId, amountBaseUnits)))
    const prepared = [...roles, ...held]
    const used = await simulate(client, [...inBlocks(prepared), ...inBlocks(measured)])
    for (const gasUsed of used.slice(prepared.length)) gas += gasUsed
    for (const { userId, amountBaseUnits } of page)
      balances.set(userId, (balances.get(userId) ?? 0n) + amountBaseUnits)
  }
  return { gas, transactions: changes.length }
}

async function simulate(client: PublicClient, blocks: readonly (readonly Call[])[]): Promise<bigint[]> {
  const request = client.request as (of: { method: string; params: unknown[] }) => Promise<unknown>
  const options = { blockStateCalls: blocks.map((calls) => ({ calls })), validation: false }
  const simulated = await request({ method: "eth_simulateV1", params: [options, "latest"] })
  return (simulated as SimulatedBlock[]).flatMap(({ calls }) =>
    calls.map(({ status, gasUsed }) => {
      if (status !== "0x1") throw new Error("a simulated mint or burn failed")
      return BigInt(gasUsed)
    }),
  )
}

function inBlocks(calls: readonly Call[]): Call[][] {
  return Array.from({ length: Math.ceil(calls.length / callsPerBlock) }, (_, index) =>
    calls.slice(index * callsPerBlock, (index + 1) * callsPerBlock),
  )
}

/** Whoever was made the token's admin when it was deployed may grant the roles, in the simulation alone. */
async function findAdmin(client: PublicClient, token: Address): Promise<Address> {
  const events = await client.getContractEvents({
    abi: cpopTokenAbi,
    address: token,
    eventName: "RoleGranted",
    args: { role: zeroHash },
    fromBlock: 0n,
  })
  const account = events[0]?.args.account
  if (account === undefined) throw new Error("the token has no admin")
  return account
}

function grantRole(name: string, account: Address): Hex {
  return encodeFunctionData({
    abi: cpopTokenAbi,
    functionName: "grantRole",
    args: [keccak256(toHex(name)), account],
  })
}

function mintOrBurn(userId: string, amountBaseUnits: bigint): Hex {
  const account = standInOf(userId)
  return amountBaseUnits > 0n
    ? encodeFunctionData({ abi: cpopTokenAbi, functionName: "mint", args: [account, amountBaseUnits] })
    : encodeFunctionData({ abi: cpopTokenAbi, functionName: "burn", args: [account, -amountBaseUnits] })
}

/** A fresh address that stands for a user in the simulation. */
export function standInOf(userId: string): Address {
  return sliceHex(keccak256(toHex(`stand-in of ${userId}`)), 0, 20)
}

import { type Address, createPublicClient, encodeFunctionData, erc20Abi, type Hex, http, toHex } from "viem"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import type { ChaosStack } from "../stack/open-stack.ts"

/** What is done with the token without us. Nobody sends it again when the chain loses it. */
export type Outsiders = {
  balanceOf(account: Address): Promise<bigint>
  /** From somebody else's wallet. */
  deposit(to: Address, units: bigint): Promise<void>
  /** A deposit that is in a block when this resolves. */
  pay(to: Address, units: bigint): Promise<void>
  /** By the user himself, past us. */
  withdraw(from: Address, units: bigint): Promise<void>
  /** Takes what waits in the pool out of it. */
  clear(): Promise<void>
}

const stranger: Address = "0x57a4657a4657a4657a4657a4657a4657a4657a46"
const coins = toHex(10n ** 20n)
const funds = 10n ** 27n
const attemptsMax = 4

/** Gives somebody tokens who is nobody's user. */
export async function openOutsiders(stack: ChaosStack): Promise<Outsiders> {
  const rpc = <Result>(method: string, ...params: unknown[]) =>
    callJsonRpc(stack.rpcUrl, method, params) as Promise<Result>
  const client = createPublicClient({ transport: http(stack.rpcUrl), cacheTime: 0 })
  const senders = new Set<Address>()
  const balanceOf = (account: Address) =>
    client.readContract({ address: stack.token, abi: erc20Abi, functionName: "balanceOf", args: [account] })

  /** From an address whose key nobody has. */
  async function sendAs(from: Address, data: Hex): Promise<Hex> {
    const fees = { maxFeePerGas: toHex(10n ** 12n), maxPriorityFeePerGas: toHex(10n ** 9n) }
    senders.add(from)
    for (let attempt = 1; ; attempt += 1) {
      await rpc("anvil_setBalance", from, coins)
      await rpc("anvil_impersonateAccount", from)
      try {
        return await rpc<Hex>("eth_sendTransaction", {
          ...{ from, to: stack.token, data, gas: toHex(120_000) },
          ...fees,
        })
      } catch (error) {
        // A reorganisation takes his coins back, too.
        if (attempt === attemptsMax) throw error
      }
    }
  }
  const transfer = (to: Address, units: bigint) =>
    encodeFunctionData({ abi: erc20Abi, functionName: "transfer", args: [to, units] })
  const mint = encodeFunctionData({ abi: cpopTokenAbi, functionName: "mint", args: [stranger, funds] })

  const role = await client.readContract({
    address: stack.token,
    abi: cpopTokenAbi,
    functionName: "MINTER_ROLE",
  })
  const grant = { abi: cpopTokenAbi, functionName: "grantRole", args: [role, stack.admin] } as const
  await sendAs(stack.admin, encodeFunctionData(grant))
  await rpc("evm_mine")
  await client.waitForTransactionReceipt({ hash: await sendAs(stack.admin, mint), pollingInterval: 50 })
  // Below whatever a reorganisation takes.
  await rpc("anvil_mine", toHex(8))

  return {
    balanceOf,
    async deposit(to, units) {
      await sendAs(stranger, transfer(to, units))
    },
    async pay(to, units) {
      const hash = await sendAs(stranger, transfer(to, units))
      const { status } = await client.waitForTransactionReceipt({
        hash,
        pollingInterval: 100,
        timeout: 30_000,
      })
      if (status !== "success") throw new Error(`the payment ${hash} was reverted`)
    },
    async withdraw(from, units) {
      await sendAs(from, transfer(stranger, units))
    },
    async clear() {
      for (const address of senders) await rpc("anvil_removePoolTransactions", address)
      senders.clear()
    },
  }
}

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type Address, createPublicClient, encodeFunctionData, type Hex, http, keccak256, toHex } from "viem"
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import type { StackSecrets } from "../../cli/stack/secrets.ts"
import { localAccounts } from "../../cli/stack/stack-accounts.ts"
import type { StackFile } from "../../cli/stack/stack-file.ts"
import type { Backend } from "./backend.ts"
import { callJsonRpc } from "./call-json-rpc.ts"
import { waitUntil } from "./wait-until.ts"

/** Units that came to a user (above zero) or left one (below) without the ledger's doing. */
export type OutsideMove = { readonly userId: string; readonly units: bigint }

/** Somebody with a wallet of his own: his transfers to our users are deposits. */
export type Outsider = {
  /** Where he keeps his tokens. */
  readonly addresses: readonly Address[]
  /** Sends a transfer to a user's address; it is his, so it is sent again whenever the chain loses it. */
  deposit(userId: string, units: bigint): Promise<void>
  /** The same, but once only: what a reorganisation takes is gone. @returns the block it is in */
  depositOnce(userId: string, units: bigint): Promise<bigint>
  /** Has a user's own wallet send to the outsider, once only. @returns the block it is in */
  withdrawOnce(userId: string, units: bigint): Promise<bigint>
  /** Sends what is not in the chain again, until all of it is. */
  land(): Promise<void>
  /** The moves that the chain has now. */
  moves(): Promise<OutsideMove[]>
}

type Sent = OutsideMove & { readonly hash: Hex; readonly raw: Hex | null }

const funds = 10n ** 24n
const fees = { gas: 120_000n, maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n }

/** Gives a new key of nobody's tokens on the local chain and buries that under some blocks, below every reorganisation of a test. */
export async function createOutsider(stack: StackFile, backend: Backend): Promise<Outsider> {
  const rpc = <Result>(method: string, ...params: unknown[]) =>
    callJsonRpc(stack.rpc_url, method, params) as Promise<Result>
  const client = createPublicClient({ transport: http(stack.rpc_url), cacheTime: 0, pollingInterval: 50 })
  const account = privateKeyToAccount(generatePrivateKey())
  // What is lost for good leaves no gap among the nonces of the other one.
  const careless = privateKeyToAccount(generatePrivateKey()).address
  const token = stack.token_address as Address
  const sent: Sent[] = []
  let nonce = 0

  await rpc("anvil_setBalance", account.address, toHex(10n ** 20n))
  await asAdmin({ functionName: "grantRole", args: [keccak256(toHex("MINTER_ROLE")), account.address] })
  for (const to of [account.address, careless])
    await callOwn(encodeFunctionData({ abi: cpopTokenAbi, functionName: "mint", args: [to, funds] }))
  await rpc("anvil_mine", toHex(12))

  async function asAdmin(call: { functionName: "grantRole"; args: readonly [Hex, Address] }): Promise<void> {
    const secrets = JSON.parse(readFileSync(join(stack.data_dir, "secrets.json"), "utf8")) as StackSecrets
    const { deployer } = localAccounts(secrets.mnemonic)
    const adminNonce = await client.getTransactionCount({ address: deployer.address })
    const data = encodeFunctionData({ abi: cpopTokenAbi, ...call })
    const raw = await deployer.signTransaction({
      ...{ chainId: stack.chain_id, type: "eip1559", nonce: adminNonce, to: token, data },
      ...fees,
    })
    await mined(await rpc<Hex>("eth_sendRawTransaction", raw))
  }

  async function signOwn(data: Hex): Promise<Hex> {
    return account.signTransaction({
      ...{ chainId: stack.chain_id, type: "eip1559", nonce: nonce++, to: token, data },
      ...fees,
    })
  }

  async function callOwn(data: Hex): Promise<void> {
    await mined(await rpc<Hex>("eth_sendRawTransaction", await signOwn(data)))
  }

  async function mined(hash: Hex): Promise<bigint> {
    const receipt = await client.waitForTransactionReceipt({ hash, timeout: 30_000 })
    if (receipt.status !== "success") throw new Error(`transaction ${hash} reverted`)
    return receipt.blockNumber
  }

  async function walletOf(userId: string): Promise<Address> {
    type Answer = { wallets: { aa_address: Address }[] }
    const { wallets } = await backend.read<Answer>(`/wallet/${userId}`)
    const [wallet] = wallets
    if (wallet === undefined) throw new Error(`${userId} has no wallet`)
    return wallet.aa_address
  }

  const transferTo = (to: Address, units: bigint): Hex =>
    encodeFunctionData({ abi: cpopTokenAbi, functionName: "transfer", args: [to, units] })

  /** From an address whose key nobody has: no bytes are left that could be sent again. */
  async function sendAs(from: Address, data: Hex): Promise<Hex> {
    await rpc("anvil_setBalance", from, toHex(10n ** 18n))
    await rpc("anvil_impersonateAccount", from)
    const hash = await rpc<Hex>("eth_sendTransaction", { from, to: token, data, gas: toHex(fees.gas) })
    await rpc("anvil_stopImpersonatingAccount", from)
    return hash
  }

  async function isIn(hash: Hex): Promise<boolean> {
    return (await rpc("eth_getTransactionReceipt", hash)) !== null
  }

  return {
    addresses: [account.address, careless],
    async deposit(userId, units) {
      const raw = await signOwn(transferTo(await walletOf(userId), units))
      sent.push({ userId, units, hash: keccak256(raw), raw })
      await rpc<Hex>("eth_sendRawTransaction", raw)
    },
    async depositOnce(userId, units) {
      const hash = await sendAs(careless, transferTo(await walletOf(userId), units))
      sent.push({ userId, units, hash, raw: null })
      return mined(hash)
    },
    async withdrawOnce(userId, units) {
      const hash = await sendAs(await walletOf(userId), transferTo(account.address, units))
      sent.push({ userId, units: -units, hash, raw: null })
      return mined(hash)
    },
    async land() {
      await waitUntil(
        async () => {
          let missing = 0
          for (const { hash, raw } of sent) {
            if (raw === null || (await isIn(hash))) continue
            missing += 1
            // "already known": it waits in the node's pool.
            await rpc("eth_sendRawTransaction", raw).catch(() => undefined)
          }
          return missing === 0
        },
        { what: "the outsider's transfers are in the chain", timeoutMs: 60_000 },
      )
    },
    async moves() {
      const flags = await Promise.all(sent.map(({ hash }) => isIn(hash)))
      return sent.filter((_, index) => flags[index] === true)
    },
  }
}

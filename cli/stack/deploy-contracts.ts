import { existsSync } from "node:fs"
import {
  type Abi,
  type Address,
  BaseError,
  createPublicClient,
  createWalletClient,
  encodeDeployData,
  encodeFunctionData,
  getContractAddress,
  type Hex,
  http,
} from "viem"
import type { LocalAccount } from "viem/accounts"
import { auditAnchorAbi } from "../../abis/audit-anchor.ts"
import { auditAnchorBytecode } from "../../abis/bytecode/audit-anchor.ts"
import { cpopTokenBytecode } from "../../abis/bytecode/cpop-token.ts"
import { treasuryBytecode } from "../../abis/bytecode/treasury.ts"
import { walletManagerBytecode } from "../../abis/bytecode/wallet-manager.ts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { treasuryAbi } from "../../abis/treasury.ts"
import { walletManagerAbi } from "../../abis/wallet-manager.ts"
import type { SettlementMode } from "../../ledger/domain/batch-calls.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { readJsonFile } from "./read-json-file.ts"
import { writeDurably } from "./write-durably.ts"

export type Deployment = {
  readonly walletManager: Address
  readonly walletInitCodeHash: Hex
  readonly auditAnchor: Address | null
  readonly treasury: Address | null
  /** By symbol. */
  readonly tokens: Readonly<Record<string, { readonly address: Address; readonly startBlock: number }>>
  /** Contracts that this start had to deploy. */
  readonly deployedNow: number
}

export type DeployOptions = {
  readonly rpcUrl: string
  readonly genesisHash: string
  readonly deployer: LocalAccount
  readonly operator: Address
  readonly masterSigner: Address
  readonly tokens: readonly {
    readonly symbol: string
    readonly name: string
    /** How the operator settles it. */
    readonly mode: SettlementMode
  }[]
  readonly deploysAuditAnchor: boolean
  readonly deploysTreasury: boolean
  /** Remembers what is deployed; belongs to the data directory. */
  readonly file: string
  /** Makes the chain mine at once, where it can be told to. */
  readonly mine: () => Promise<void>
}

/** Addresses are remembered before their transaction is sent: a start that dies in between finds its own contract again. */
type Memory = {
  genesis_hash: string
  addresses: Record<
    string,
    {
      address: Address
      from_block: number
      /** Whether the chain has had it: then others know the address, and it cannot become another one. */
      was_there?: boolean
    }
  >
  /** Of other chains that the directory was used with: whoever goes back to one finds its contracts again. */
  others?: readonly Omit<Memory, "others">[]
}

/**
 * Deploys what the data directory does not have on this chain yet, and lets the operator settle, pay and anchor.
 * What a chain had and has lost with its newest blocks is deployed again where it was.
 * @throws ChainBridgeError DEPLOY_FAILED, in one sentence that names the account which pays; CHAIN_LOST_CONTRACT where its place is taken
 */
export async function deployContracts(options: DeployOptions): Promise<Deployment> {
  try {
    return await deployMissing(options)
  } catch (error) {
    if (!(error instanceof BaseError)) throw error
    // Without its cause: viem's whole text has the bytecode in it, and the URL, which may hold a key.
    const said = error.details && !/https?:/.test(error.details) ? ` (${error.details.slice(0, 200)})` : ""
    throw new ChainBridgeError(
      "DEPLOY_FAILED",
      `the contracts cannot be deployed by ${options.deployer.address}: ${error.shortMessage}${said}`,
    )
  }
}

async function deployMissing(options: DeployOptions): Promise<Deployment> {
  const transport = http(options.rpcUrl, { retryCount: 1, timeout: 30_000 })
  const client = createPublicClient({ transport, pollingInterval: 50 })
  const wallet = createWalletClient({ account: options.deployer, transport })
  const memory = readMemory(options)
  let deployedNow = 0

  async function send(request: { to?: Address; data: Hex; nonce: number }): Promise<void> {
    const { address } = options.deployer
    const fees = await client.estimateFeesPerGas()
    if (fees.maxFeePerGas > 0n && (await client.getBalance({ address })) === 0n) {
      throw new ChainBridgeError(
        "DEPLOY_FAILED",
        `${address} has 0 coins on chain ${await client.getChainId()}: fund it, then run this again`,
      )
    }
    const gas = await client.estimateGas({ account: address, ...request })
    const hash = await wallet.sendTransaction({ chain: null, ...request, ...fees, gas: (gas * 12n) / 10n })
    await options.mine()
    const receipt = await client.waitForTransactionReceipt({ hash, timeout: 60_000 })
    if (receipt.status !== "success")
      throw new ChainBridgeError("DEPLOY_FAILED", `transaction ${hash} was reverted`)
  }
  const nextNonce = () =>
    client.getTransactionCount({ address: options.deployer.address, blockTag: "pending" })

  async function deploy(name: string, abi: Abi, bytecode: Hex, args: readonly unknown[]) {
    const known = memory.addresses[name]
    if (known !== undefined && (await client.getCode({ address: known.address })) !== undefined)
      return remember(name, { ...known, was_there: true })
    const nonce = await nextNonce()
    const address = getContractAddress({ from: options.deployer.address, nonce: BigInt(nonce) })
    if (known?.was_there === true && known.address !== address) {
      throw new ChainBridgeError(
        "CHAIN_LOST_CONTRACT",
        `the chain lost blocks, and ${name} at ${known.address} with them; ${options.deployer.address} has made ${nonce} transactions and cannot deploy it there again: bring the lost blocks back`,
      )
    }
    const made = {
      address,
      from_block: Number(await client.getBlockNumber({ cacheTime: 0 })),
      was_there: known?.was_there === true,
    }
    remember(name, made)
    await send({ data: encodeDeployData({ abi, bytecode, args }), nonce })
    deployedNow++
    return remember(name, { ...made, was_there: true })
  }

  function remember<Place extends Memory["addresses"][string]>(name: string, place: Place): Place {
    const before = memory.addresses[name]
    memory.addresses[name] = place
    if (JSON.stringify(before) !== JSON.stringify(place))
      writeDurably(options.file, `${JSON.stringify(memory, null, 2)}\n`)
    return place
  }

  /** Lets the operator do what the role is for, unless he may already. */
  async function letOperator(
    address: Address,
    roleName: "OPERATOR_ROLE" | "MINTER_ROLE" | "BURNER_ROLE" | "ANCHOR_ROLE",
  ) {
    const abi = [...cpopTokenAbi, ...auditAnchorAbi]
    const role = await client.readContract({ address, abi, functionName: roleName })
    const args = [role, options.operator] as const
    if (await client.readContract({ address, abi, functionName: "hasRole", args })) return
    const data = encodeFunctionData({ abi, functionName: "grantRole", args })
    await send({ to: address, data, nonce: await nextNonce() })
  }

  const { deployer, masterSigner } = options
  const manager = await deploy("WalletManager", walletManagerAbi as Abi, walletManagerBytecode, [
    deployer.address,
    masterSigner,
  ])
  const tokens: Record<string, { address: Address; startBlock: number }> = {}
  for (const { symbol, name, mode } of options.tokens) {
    const token = await deploy(symbol, cpopTokenAbi as Abi, cpopTokenBytecode, [
      name,
      symbol,
      deployer.address,
    ])
    await letOperator(token.address, "OPERATOR_ROLE")
    if (mode === "batch-mint-burn")
      for (const role of ["MINTER_ROLE", "BURNER_ROLE"] as const) await letOperator(token.address, role)
    tokens[symbol] = { address: token.address, startBlock: token.from_block }
  }
  let auditAnchor: Address | null = null
  if (options.deploysAuditAnchor) {
    const made = await deploy("AuditAnchor", auditAnchorAbi as Abi, auditAnchorBytecode, [deployer.address])
    await letOperator(made.address, "ANCHOR_ROLE")
    auditAnchor = made.address
  }
  let treasury: Address | null = null
  if (options.deploysTreasury) {
    const made = await deploy("Treasury", treasuryAbi as Abi, treasuryBytecode, [deployer.address])
    await letOperator(made.address, "OPERATOR_ROLE")
    treasury = made.address
  }
  const walletInitCodeHash = await client.readContract({
    address: manager.address,
    abi: walletManagerAbi,
    functionName: "walletInitCodeHash",
  })
  return { walletManager: manager.address, walletInitCodeHash, auditAnchor, treasury, tokens, deployedNow }
}

function readMemory({ file, genesisHash }: DeployOptions): Memory {
  const fresh: Memory = { genesis_hash: genesisHash, addresses: {} }
  if (!existsSync(file)) return fresh
  const { others = [], ...newest } = readJsonFile<Memory>(file)
  const all = [newest, ...others]
  const known = all.find((memory) => memory.genesis_hash === genesisHash) ?? fresh
  const rest = all.filter((memory) => memory !== known)
  return rest.length === 0 ? known : { ...known, others: rest }
}

import {
  type Address,
  createPublicClient,
  createWalletClient,
  encodeFunctionData,
  type Hex,
  http,
  keccak256,
  toHex,
} from "viem"
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { auditAnchorAbi } from "../../abis/audit-anchor.ts"
import { auditAnchorBytecode } from "../../abis/bytecode/audit-anchor.ts"
import { ledgerIdBytes } from "../../ledger/domain/wallet-address.ts"
import { callJsonRpc } from "./call-json-rpc.ts"

export type DeployedAnchor = {
  /** Lower case. */
  readonly address: Address
  /** Anchors as a stranger who has the role too, and mines it. */
  anchorAsStranger(ledgerId: string, treeSize: bigint, root: Hex): Promise<void>
  setRole(account: Address, mayAnchor: boolean): Promise<void>
  /** What the contract has. */
  rootOf(ledgerId: string, treeSize: bigint): Promise<Hex>
  newest(ledgerId: string): Promise<bigint>
}

const anchorRole = keccak256(toHex("ANCHOR_ROLE"))

/** The real AuditAnchor on a local chain. Works with any mining mode. */
export async function deployAnchor(rpcUrl: string, keeper: Address): Promise<DeployedAnchor> {
  const admin = privateKeyToAccount(generatePrivateKey())
  await callJsonRpc(rpcUrl, "anvil_setBalance", [admin.address, toHex(10n ** 20n)])
  const client = createPublicClient({ transport: http(rpcUrl), pollingInterval: 20, cacheTime: 0 })
  const wallet = createWalletClient({ account: admin, transport: http(rpcUrl) })
  const mined = async (hash: Hex) => {
    await callJsonRpc(rpcUrl, "evm_mine", [])
    const receipt = await client.waitForTransactionReceipt({ hash, timeout: 20_000 })
    if (receipt.status !== "success") throw new Error(`transaction ${hash} reverted`)
    return receipt
  }
  const { contractAddress: address } = await mined(
    await wallet.deployContract({
      abi: auditAnchorAbi,
      bytecode: auditAnchorBytecode,
      args: [admin.address],
      chain: null,
    }),
  )
  if (!address) throw new Error("the anchor was not deployed")
  const send = async (data: Hex) => {
    await mined(await wallet.sendTransaction({ to: address, data, chain: null }))
  }
  const contract = { address, abi: auditAnchorAbi } as const
  const anchor: DeployedAnchor = {
    address: address.toLowerCase() as Address,
    async anchorAsStranger(ledgerId, treeSize, root) {
      await anchor.setRole(admin.address, true)
      const args = [ledgerIdBytes(ledgerId), treeSize, root] as const
      await send(encodeFunctionData({ abi: auditAnchorAbi, functionName: "anchor", args }))
    },
    setRole: (account, mayAnchor) =>
      send(
        encodeFunctionData({
          abi: auditAnchorAbi,
          functionName: mayAnchor ? "grantRole" : "revokeRole",
          args: [anchorRole, account],
        }),
      ),
    rootOf: (ledgerId, treeSize) =>
      client.readContract({
        ...contract,
        functionName: "rootOf",
        args: [ledgerIdBytes(ledgerId), treeSize],
      }),
    async newest(ledgerId) {
      const args = [ledgerIdBytes(ledgerId)] as const
      const [treeSize] = await client.readContract({ ...contract, functionName: "newestCheckpoint", args })
      return treeSize
    },
  }
  await anchor.setRole(keeper, true)
  return anchor
}

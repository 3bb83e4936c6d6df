import { type Address, createPublicClient, createWalletClient, type Hex, http, toHex } from "viem"
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { compile } from "../../contracts/scripts/compile.ts"
import { callJsonRpc } from "./call-json-rpc.ts"
import type { DeployedToken } from "./deploy-token.ts"

const path = "contracts/test/BerlinToken.sol"

/** A token for a chain without EIP-1559, on which ours cannot run. Works with automatic mining. */
export async function deployBerlinToken(rpcUrl: string): Promise<DeployedToken> {
  const contract = compile([path], "berlin").get(`${path}:BerlinToken`)
  if (contract === undefined) throw new Error("there is no BerlinToken")
  const operatorKey = generatePrivateKey()
  const account = privateKeyToAccount(operatorKey)
  const admin = privateKeyToAccount(generatePrivateKey())
  for (const { address } of [account, admin])
    await callJsonRpc(rpcUrl, "anvil_setBalance", [address, toHex(10n ** 20n)])
  const hash = await createWalletClient({ account: admin, transport: http(rpcUrl) }).deployContract({
    abi: contract.abi,
    bytecode: contract.bytecode,
    args: [account.address],
    type: "legacy",
    chain: null,
  })
  const client = createPublicClient({ transport: http(rpcUrl), pollingInterval: 20 })
  const { contractAddress } = await client.waitForTransactionReceipt({ hash, timeout: 20_000 })
  if (contractAddress === null || contractAddress === undefined) throw new Error("the token was not deployed")
  const refuse = () => Promise.reject(new Error("this token has no admin"))
  return {
    address: contractAddress.toLowerCase() as Address,
    operatorKey,
    operator: account.address.toLowerCase() as Address,
    admin: admin.address.toLowerCase() as Address,
    sendAsAdmin: (_data: Hex) => refuse(),
    callAsAdmin: refuse,
  }
}

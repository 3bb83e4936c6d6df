import { type Address, encodeFunctionData, type Hex, keccak256, toHex } from "viem"
import { generatePrivateKey, privateKeyToAddress } from "viem/accounts"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { callJsonRpc } from "./call-json-rpc.ts"
import type { DeployedToken } from "./deploy-token.ts"

/** A fresh key with coins for gas. */
export type AddedSigner = {
  readonly key: Hex
  /** Lower case. */
  readonly address: Address
}

/** @param options.withRole false: it may not settle before `grantOperator` lets it */
export async function addSigner(
  rpcUrl: string,
  token: DeployedToken,
  options: { readonly withRole?: boolean } = {},
): Promise<AddedSigner> {
  const key = generatePrivateKey()
  const address = privateKeyToAddress(key).toLowerCase() as Address
  await callJsonRpc(rpcUrl, "anvil_setBalance", [address, toHex(10n ** 20n)])
  if (options.withRole !== false) await grantOperator(token, address)
  return { key, address }
}

/** Lets an address settle on the token. */
export async function grantOperator(token: DeployedToken, address: Address): Promise<void> {
  await token.sendAsAdmin(
    encodeFunctionData({
      abi: cpopTokenAbi,
      functionName: "grantRole",
      args: [keccak256(toHex("OPERATOR_ROLE")), address],
    }),
  )
}

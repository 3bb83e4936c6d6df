import { type Address, type Hex, toHex } from "viem"
import { type LocalAccount, mnemonicToAccount, privateKeyToAccount } from "viem/accounts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { callRpc } from "./json-rpc.ts"

export type StackAccounts = {
  readonly deployer: LocalAccount
  readonly masterSigner: Address
  readonly operator: Address
  /** Goes to the batcher's environment and nowhere else. */
  readonly operatorKey: Hex
}

/** The accounts of the local chain, from the data directory's own mnemonic. */
export function localAccounts(mnemonic: string): StackAccounts {
  const operator = mnemonicToAccount(mnemonic, { addressIndex: 1 })
  const key = operator.getHdKey().privateKey
  if (key === null)
    throw new ChainBridgeError("INVARIANT_VIOLATED", "an account of a mnemonic has no private key")
  return {
    deployer: mnemonicToAccount(mnemonic, { addressIndex: 0 }),
    operator: operator.address,
    operatorKey: toHex(key),
    masterSigner: mnemonicToAccount(mnemonic, { addressIndex: 2 }).address,
  }
}

/** On a chain that is not ours one funded key deploys, settles and signs for wallets. */
export function externalAccounts(privateKey: string | undefined): StackAccounts {
  if (privateKey === undefined || !/^0x[0-9a-fA-F]{64}$/.test(privateKey)) {
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      "with an external chain SIGNER_PRIVATE_KEY has to hold the key of a funded account: 0x and 64 hex digits",
    )
  }
  const account = privateKeyToAccount(privateKey as Hex)
  return {
    deployer: account,
    operator: account.address,
    operatorKey: privateKey as Hex,
    masterSigner: account.address,
  }
}

const COINS_MIN = 1_000n * 10n ** 18n
const COINS = 10_000n * 10n ** 18n

/** Gives the accounts of the local chain coins for their gas. */
export async function fundAccounts(rpcUrl: string, addresses: readonly Address[]): Promise<void> {
  for (const address of addresses) {
    const balance = BigInt(await callRpc<string>(rpcUrl, "eth_getBalance", [address, "latest"]))
    if (balance < COINS_MIN) await setBalance(rpcUrl, address)
  }
}

async function setBalance(rpcUrl: string, address: Address): Promise<void> {
  // The answer is null by design, which callRpc takes for what it is.
  await callRpc<null>(rpcUrl, "anvil_setBalance", [address, toHex(COINS)])
}

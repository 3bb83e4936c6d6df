import type { Hex } from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { signerOf } from "./account-signer.ts"
import type { Signer } from "./signer.ts"

/**
 * A signer whose key stands in the environment: for development. With NODE_ENV=production it is refused unless CHAINBRIDGE_ALLOW_ENV_SIGNER=true.
 * @param environment SIGNER_PRIVATE_KEY, 32 bytes as 0x and hex
 * @throws ChainBridgeError SIGNER_REFUSED; the key is in no message
 */
export function createEnvironmentSigner(environment: Readonly<Record<string, string | undefined>>): Signer {
  const key = environment["SIGNER_PRIVATE_KEY"] ?? ""
  const isAllowed = environment["CHAINBRIDGE_ALLOW_ENV_SIGNER"] === "true"
  if (environment["NODE_ENV"] === "production" && !isAllowed) {
    throw new ChainBridgeError(
      "SIGNER_REFUSED",
      "a signing key in the environment is for development; set CHAINBRIDGE_ALLOW_ENV_SIGNER=true to use it in production all the same",
    )
  }
  if (!isPrivateKey(key)) {
    throw new ChainBridgeError("SIGNER_REFUSED", "SIGNER_PRIVATE_KEY has to be 0x and 64 hexadecimal digits")
  }
  return signerOf(accountOf(key))
}

function accountOf(key: Hex): ReturnType<typeof privateKeyToAccount> {
  try {
    return privateKeyToAccount(key)
  } catch {
    // The library's message may quote its argument.
    throw new ChainBridgeError("SIGNER_REFUSED", "SIGNER_PRIVATE_KEY is not a key of the curve")
  }
}

function isPrivateKey(text: string): text is Hex {
  return /^0x[0-9a-fA-F]{64}$/.test(text)
}

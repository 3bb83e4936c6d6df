import { readFile } from "node:fs/promises"
import { Wallet } from "@ethereumjs/wallet"
import { privateKeyToAccount } from "viem/accounts"
import { z } from "zod"
import { ChainBridgeError } from "../../platform/errors.ts"
import { signerOf } from "./account-signer.ts"
import type { Signer } from "./signer.ts"

const keystoreSchema = z.looseObject({
  version: z.literal(3),
  address: z
    .string()
    .regex(/^(0x)?[0-9a-fA-F]{40}$/)
    .optional(),
})

/**
 * A signer whose key is encrypted in a file: Web3 Secret Storage, version 3, as geth and others write it. The key is in memory for as long as the process lives.
 * @param options.passwordPath the password is the file's text without line breaks at its end
 * @throws ChainBridgeError SIGNER_REFUSED saying which file is wrong; neither key nor password is in any message
 */
export async function createKeystoreSigner(options: {
  readonly path: string
  readonly passwordPath: string
}): Promise<Signer> {
  const [text, password] = await Promise.all([
    readText(options.path, "the keystore"),
    readText(options.passwordPath, "the keystore's password"),
  ])
  const { address } = parseKeystore(text, options.path)
  const account = privateKeyToAccount(await decrypt(text, password.replace(/[\r\n]+$/, ""), options.path))
  const said = address?.replace(/^0x/, "").toLowerCase()
  if (said !== undefined && `0x${said}` !== account.address.toLowerCase()) {
    throw new ChainBridgeError(
      "SIGNER_REFUSED",
      `${options.path} says that it is of 0x${said}, and holds the key of ${account.address}`,
    )
  }
  return signerOf(account)
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, "utf8")
  } catch (error) {
    throw new ChainBridgeError("SIGNER_REFUSED", `${what} cannot be read from ${path}`, { cause: error })
  }
}

function parseKeystore(text: string, path: string): z.infer<typeof keystoreSchema> {
  try {
    return keystoreSchema.parse(JSON.parse(text))
  } catch {
    // The parser's message would quote the file.
    throw new ChainBridgeError("SIGNER_REFUSED", `${path} is no keystore of version 3 (JSON)`)
  }
}

async function decrypt(text: string, password: string, path: string): Promise<`0x${string}`> {
  try {
    const wallet = await Wallet.fromV3(text, password, true)
    return wallet.getPrivateKeyString()
  } catch {
    // The same for a wrong password and for a file that was altered: its checksum depends on both.
    throw new ChainBridgeError("SIGNER_REFUSED", `${path} cannot be decrypted: wrong password, or altered`)
  }
}

import { ChainBridgeError } from "../../platform/errors.ts"
import { createEnvironmentSigner } from "./environment-signer.ts"
import { createKeystoreSigner } from "./keystore-signer.ts"
import { createKmsSigner } from "./kms-signer.ts"
import type { Signer } from "./signer.ts"

const sources = ["SIGNER_KEYSTORE", "SIGNER_KMS_KEY_ID", "SIGNER_PRIVATE_KEY"] as const
const signersMax = 32

type Environment = Readonly<Record<string, string | undefined>>

/**
 * The signers that the environment names, each variable one or several, with commas between them: SIGNER_KEYSTORE with SIGNER_KEYSTORE_PASSWORD_FILE (one for all, or one for each),
 * SIGNER_KMS_KEY_ID with SIGNER_KMS_ENDPOINT and SIGNER_KMS_REGION where they are needed; these two also together, as when one replaces the other. Or, in development,
 * SIGNER_PRIVATE_KEY.
 * @returns at least one, each with another address
 * @throws ChainBridgeError SIGNER_REFUSED saying what to set, SIGNER_UNAVAILABLE
 */
export async function createSigners(environment: Environment): Promise<readonly Signer[]> {
  const given = sources.filter((name) => listOf(environment, name).length > 0)
  const isKeyBesideOthers = given.length > 1 && given.includes("SIGNER_PRIVATE_KEY")
  if (given.length === 0 || isKeyBesideOthers) {
    const found = given.length === 0 ? "none is" : `${given.join(" and ")} are`
    throw refused(
      `set SIGNER_KEYSTORE, SIGNER_KMS_KEY_ID or both of them, or nothing but SIGNER_PRIVATE_KEY: ${found} set`,
    )
  }
  const signers = [
    ...(await createKeystoreSigners(environment)),
    ...(await Promise.all(
      listOf(environment, "SIGNER_KMS_KEY_ID").map((keyId) =>
        createKmsSigner({
          keyId,
          endpoint: environment["SIGNER_KMS_ENDPOINT"] || undefined,
          region: environment["SIGNER_KMS_REGION"] || undefined,
        }),
      ),
    )),
    ...listOf(environment, "SIGNER_PRIVATE_KEY").map((key) =>
      createEnvironmentSigner({ ...environment, SIGNER_PRIVATE_KEY: key }),
    ),
  ]
  if (signers.length > signersMax)
    throw refused(`${signers.length} signers are set, at most ${signersMax} may be`)
  const addresses = new Set<string>()
  for (const { address } of signers) {
    // Two desks of one process would each think that the signer is theirs.
    if (addresses.has(address)) throw refused(`the signer ${address} is set twice`)
    addresses.add(address)
  }
  return signers
}

async function createKeystoreSigners(environment: Environment): Promise<Signer[]> {
  const paths = listOf(environment, "SIGNER_KEYSTORE")
  if (paths.length === 0) return []
  const passwordPaths = listOf(environment, "SIGNER_KEYSTORE_PASSWORD_FILE")
  if (passwordPaths.length === 0)
    throw refused("SIGNER_KEYSTORE needs SIGNER_KEYSTORE_PASSWORD_FILE: set it to a file with the password")
  if (passwordPaths.length !== 1 && passwordPaths.length !== paths.length)
    throw refused(
      `SIGNER_KEYSTORE names ${paths.length} files and SIGNER_KEYSTORE_PASSWORD_FILE ${passwordPaths.length}: name one password for all, or one for each`,
    )
  const signers: Signer[] = []
  // One at a time: decrypting takes much memory, on purpose.
  for (const [index, path] of paths.entries()) {
    const passwordPath = passwordPaths[index] ?? passwordPaths[0] ?? ""
    signers.push(await createKeystoreSigner({ path, passwordPath }))
  }
  return signers
}

function listOf(environment: Environment, name: string): string[] {
  return (environment[name] ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
}

function refused(message: string): ChainBridgeError {
  return new ChainBridgeError("SIGNER_REFUSED", message)
}

import { ChainBridgeError } from "../../platform/errors.ts"
import { createEnvironmentSigner } from "./environment-signer.ts"
import { createKeystoreSigner } from "./keystore-signer.ts"
import { createKmsSigner } from "./kms-signer.ts"
import type { Signer } from "./signer.ts"

const sources = ["SIGNER_KEYSTORE", "SIGNER_KMS_KEY_ID", "SIGNER_PRIVATE_KEY"] as const

/**
 * The signer that the environment names: SIGNER_KEYSTORE with SIGNER_KEYSTORE_PASSWORD_FILE, SIGNER_KMS_KEY_ID with SIGNER_KMS_ENDPOINT and SIGNER_KMS_REGION where they are needed, or, in
 * development, SIGNER_PRIVATE_KEY.
 * @throws ChainBridgeError SIGNER_REFUSED saying what to set, SIGNER_UNAVAILABLE
 */
export function createSigner(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Signer> | Signer {
  const value = (name: string): string | undefined => environment[name] || undefined
  const given = sources.filter((name) => value(name) !== undefined)
  if (given.length !== 1) {
    const found = given.length === 0 ? "none is" : `${given.join(" and ")} are`
    throw new ChainBridgeError("SIGNER_REFUSED", `set exactly one of ${sources.join(", ")}: ${found} set`)
  }
  const [keystore, kmsKeyId] = [value("SIGNER_KEYSTORE"), value("SIGNER_KMS_KEY_ID")]
  if (keystore !== undefined) {
    const passwordPath = value("SIGNER_KEYSTORE_PASSWORD_FILE")
    if (passwordPath === undefined)
      throw new ChainBridgeError(
        "SIGNER_REFUSED",
        "SIGNER_KEYSTORE needs SIGNER_KEYSTORE_PASSWORD_FILE: set it to a file with the password",
      )
    return createKeystoreSigner({ path: keystore, passwordPath })
  }
  if (kmsKeyId !== undefined)
    return createKmsSigner({
      keyId: kmsKeyId,
      endpoint: value("SIGNER_KMS_ENDPOINT"),
      region: value("SIGNER_KMS_REGION"),
    })
  return createEnvironmentSigner(environment)
}

import { createPublicKey } from "node:crypto"
import { GetPublicKeyCommand, KMSClient, type KMSClientConfig, SignCommand } from "@aws-sdk/client-kms"
import { type Hex, keccak256, recoverAddress, serializeTransaction, toHex } from "viem"
import { publicKeyToAddress } from "viem/accounts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { signerOf } from "./account-signer.ts"
import type { Signer } from "./signer.ts"

const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
// All attempts together are done well inside of a lease.
const requestTimeoutMs = 1_500
const answerTimeoutMs = 4_000
const attemptsMax = 2

/**
 * A signer whose key never leaves a key management service that speaks AWS KMS's protocol: a key of spec ECC_SECG_P256K1 for SIGN_VERIFY. Credentials come from where the AWS SDK looks for them.
 * @param options.endpoint of another service than AWS's own
 * @throws ChainBridgeError SIGNER_REFUSED when the key is none that Ethereum knows, SIGNER_UNAVAILABLE (retryable) when the service does not answer
 */
export async function createKmsSigner(options: {
  readonly keyId: string
  readonly endpoint?: string | undefined
  readonly region?: string | undefined
  /** For tests. */
  readonly client?: KMSClientConfig
}): Promise<Signer> {
  const { keyId, endpoint, region } = options
  const kms = new KMSClient({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    maxAttempts: attemptsMax,
    requestHandler: {
      requestTimeout: requestTimeoutMs,
      connectionTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
    },
    ...options.client,
  })
  const { PublicKey } = await ask((abortSignal) =>
    kms.send(new GetPublicKeyCommand({ KeyId: keyId }), { abortSignal }),
  )
  const address = addressOf(PublicKey)

  async function signDigest(digest: Hex): Promise<{ r: Hex; s: Hex; yParity: number; v: bigint }> {
    const { Signature } = await ask((abortSignal) =>
      kms.send(
        new SignCommand({
          KeyId: keyId,
          Message: Buffer.from(digest.slice(2), "hex"),
          MessageType: "DIGEST",
          SigningAlgorithm: "ECDSA_SHA_256",
        }),
        { abortSignal },
      ),
    )
    const { r, s: anyS } = readDer(Buffer.from(Signature ?? []))
    // Both halves are signatures; chains take the lower one only.
    const s = anyS > order / 2n ? order - anyS : anyS
    for (const yParity of [0, 1]) {
      const signature = {
        r: toHex(r, { size: 32 }),
        s: toHex(s, { size: 32 }),
        yParity,
        v: BigInt(27 + yParity),
      }
      const signedBy = await recoverAddress({ hash: digest, signature }).catch(() => null)
      if (signedBy?.toLowerCase() === address) return signature
    }
    throw new ChainBridgeError("SIGNER_REFUSED", "the key management service signed with another key")
  }

  return signerOf({
    address,
    async signTransaction(transaction) {
      const signature = await signDigest(keccak256(serializeTransaction(transaction)))
      return serializeTransaction(transaction, signature)
    },
  })
}

async function ask<Answer>(question: (abortSignal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  try {
    return await question(AbortSignal.timeout(answerTimeoutMs))
  } catch (error) {
    // Alarms quote it to whoever may see them: the service's own words name accounts, roles and keys.
    const name = error instanceof Error ? error.name : "unknown"
    throw new ChainBridgeError("SIGNER_UNAVAILABLE", `the key management service does not sign: ${name}`, {
      retryable: true,
    })
  }
}

/** Lower case. @param der SubjectPublicKeyInfo */
function addressOf(der: Uint8Array | undefined): Hex {
  try {
    const key = createPublicKey({ key: Buffer.from(der ?? []), format: "der", type: "spki" })
    const { crv, x, y } = key.export({ format: "jwk" })
    if (crv === "secp256k1" && x !== undefined && y !== undefined) {
      const [left, right] = [x, y].map((part) =>
        Buffer.from(part, "base64url").toString("hex").padStart(64, "0"),
      )
      return publicKeyToAddress(`0x04${left}${right}`).toLowerCase() as Hex
    }
  } catch {
    // What is no key at all is refused like one of another curve.
  }
  throw new ChainBridgeError(
    "SIGNER_REFUSED",
    "the key is not one of the curve secp256k1; create it with the key spec ECC_SECG_P256K1",
  )
}

/** The two integers of an ECDSA signature in DER (RFC 3279). */
function readDer(der: Buffer): { readonly r: bigint; readonly s: bigint } {
  const sequence = readElement(der, 0, 0x30)
  const r = readElement(der, sequence.start, 0x02)
  const s = readElement(der, r.end, 0x02)
  if (sequence.end !== der.length || s.end !== sequence.end) throw malformed()
  return { r: numberOf(der.subarray(r.start, r.end)), s: numberOf(der.subarray(s.start, s.end)) }
}

function readElement(der: Buffer, at: number, tag: number): { readonly start: number; readonly end: number } {
  const length = der[at + 1] ?? 0x80
  const end = at + 2 + length
  // Seventy-two bytes at most: no length takes more than one.
  if (der[at] !== tag || length >= 0x80 || length === 0 || end > der.length) throw malformed()
  return { start: at + 2, end }
}

function numberOf(bytes: Buffer): bigint {
  const value = BigInt(`0x${bytes.toString("hex")}`)
  if (value === 0n || value >= order) throw malformed()
  return value
}

function malformed(): ChainBridgeError {
  return new ChainBridgeError("SIGNER_UNAVAILABLE", "the key management service answered with no signature", {
    retryable: true,
  })
}

import { createHash, createHmac, generateKeyPairSync } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Hex } from "viem"
import { generatePrivateKey, privateKeyToAccount, sign } from "viem/accounts"

export type KmsServer = {
  readonly endpoint: string
  readonly keyId: string
  /** Bodies that it was asked, in their order. */
  readonly asked: { readonly target: string; readonly body: Record<string, unknown> }[]
  /** Answers the next requests instead, in their order; null: as it should. */
  readonly faults: (KmsFault | null)[]
  /** Signs with another key from now on. */
  useKey(key: Hex): void
  /** Says from now on that its key is one of another curve. */
  useOtherCurve(): void
  close(): Promise<void>
}

export type KmsFault = { readonly status: number; readonly body: string } | "silent"

export const kmsCredentials = { accessKeyId: "AKIDTEST", secretAccessKey: "a secret of the test" }
export const kmsRegion = "eu-central-1"

/** A service that speaks AWS KMS's protocol (JSON 1.1, Signature Version 4) for one key, and checks what it is sent as strictly as AWS does. */
export async function startKmsServer(): Promise<KmsServer> {
  let key = generatePrivateKey()
  let otherCurve: Buffer | null = null
  const keyId = "alias/settlement"
  const asked: KmsServer["asked"] = []
  const faults: KmsServer["faults"] = []
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const text = await readBody(request)
    const target = String(request.headers["x-amz-target"])
    const body = JSON.parse(text) as Record<string, string>
    asked.push({ target, body })
    const fault = faults.shift() ?? null
    if (fault === "silent") return undefined
    const reply = (status: number, answer: string) =>
      response.writeHead(status, { "content-type": "application/x-amz-json-1.1" }).end(answer)
    if (fault !== null) return reply(fault.status, fault.body)
    if (!isSigned(request, text)) return reply(400, JSON.stringify({ __type: "InvalidSignatureException" }))
    if (body["KeyId"] !== keyId) return reply(400, JSON.stringify({ __type: "NotFoundException" }))
    if (target === "TrentService.GetPublicKey") {
      const der = otherCurve ?? spkiOf(key)
      return reply(200, JSON.stringify({ KeyId: keyId, PublicKey: der.toString("base64") }))
    }
    const digest = Buffer.from(body["Message"] ?? "", "base64")
    const isAsExpected =
      target === "TrentService.Sign" &&
      body["MessageType"] === "DIGEST" &&
      body["SigningAlgorithm"] === "ECDSA_SHA_256" &&
      digest.length === 32
    if (!isAsExpected) return reply(400, JSON.stringify({ __type: "ValidationException" }))
    return reply(
      200,
      JSON.stringify({ KeyId: keyId, Signature: (await signDigest(key, digest)).toString("base64") }),
    )
  }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keyId,
    asked,
    faults,
    useKey(other) {
      key = other
    },
    useOtherCurve() {
      const { publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" })
      otherCurve = publicKey.export({ format: "der", type: "spki" })
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/** The header of a public key of the curve secp256k1 in DER, and its point. */
function spkiOf(key: Hex): Buffer {
  const { publicKey } = privateKeyToAccount(key)
  return Buffer.from(`3056301006072a8648ce3d020106052b8104000a034200${publicKey.slice(2)}`, "hex")
}

let signatures = 0

/** In DER, with the higher s every other time: a service picks neither. */
async function signDigest(key: Hex, digest: Buffer): Promise<Buffer> {
  const { r, s } = await sign({ hash: `0x${digest.toString("hex")}`, privateKey: key })
  signatures += 1
  const parts = [BigInt(r), signatures % 2 === 0 ? BigInt(s) : order - BigInt(s)].map((value) => {
    const hex = value.toString(16)
    const even = hex.padStart(hex.length + (hex.length % 2), "0")
    const bytes = Buffer.from(/^[89a-f]/.test(even) ? `00${even}` : even, "hex")
    return Buffer.concat([Buffer.from([2, bytes.length]), bytes])
  })
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = ""
  for await (const chunk of request) text += String(chunk)
  return text
}

/** Signature Version 4, computed anew from what arrived. */
function isSigned(request: IncomingMessage, body: string): boolean {
  const authorization = request.headers.authorization ?? ""
  const [, scope = "", names = "", signature = ""] =
    /^AWS4-HMAC-SHA256 Credential=AKIDTEST\/(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/.exec(
      authorization,
    ) ?? []
  const [date = "", region = "", service = ""] = scope.split("/")
  const hash = (text: string) => createHash("sha256").update(text).digest("hex")
  const headers = names.split(";").map((name) => `${name}:${String(request.headers[name]).trim()}\n`)
  const canonical = [request.method, "/", "", headers.join(""), names, hash(body)].join("\n")
  const toSign = ["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, hash(canonical)].join("\n")
  const signingKey = [date, region, service, "aws4_request"].reduce<Buffer | string>(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    `AWS4${kmsCredentials.secretAccessKey}`,
  )
  return region === kmsRegion && createHmac("sha256", signingKey).update(toSign).digest("hex") === signature
}

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Wallet } from "@ethereumjs/wallet"
import { parseTransaction } from "viem"
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { createSigners } from "../../../batcher/chain/create-signers.ts"
import { encodeSettle } from "../../../batcher/chain/encode-settle.ts"
import { createKmsSigner } from "../../../batcher/chain/kms-signer.ts"
import { signCall } from "../../../batcher/chain/sign-call.ts"
import type { CallToSign } from "../../../batcher/chain/signer.ts"
import { describeError } from "../../../platform/errors.ts"
import { type KmsServer, kmsCredentials, kmsRegion, startKmsServer } from "../../support/kms-server.ts"

const common = {
  chainId: 31_337n,
  nonce: 7n,
  to: `0x${"44".repeat(20)}`,
  data: encodeSettle(`0x${"01".repeat(32)}`, `0x${"02".repeat(32)}`),
  gasLimit: 100_000n,
} as const
const calls: readonly CallToSign[] = [
  { ...common, type: "eip1559", maxFeePerGas: 2_000n, maxPriorityFeePerGas: 1_000n },
  { ...common, type: "legacy", gasPrice: 3_000n },
]

describe("a keystore", () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "chainbridge-keystore-"))
  })
  afterEach(() => rmSync(directory, { recursive: true }))

  const key = generatePrivateKey()
  const save = (name: string, text: string) => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  async function environment(kdf: "scrypt" | "pbkdf2", password = "a password\n") {
    const wallet = Wallet.fromPrivateKey(Buffer.from(key.slice(2), "hex"))
    const json = await wallet.toV3String("a password", { kdf, n: 1_024, c: 1_000 })
    return {
      SIGNER_KEYSTORE: save("key.json", json),
      SIGNER_KEYSTORE_PASSWORD_FILE: save("password", password),
    }
  }

  it.each(["scrypt", "pbkdf2"] as const)("encrypted by %s gives its key's signatures", async (kdf) => {
    const [signer] = await createSigners(await environment(kdf))
    if (signer === undefined) throw new Error("there is no signer")
    expect(signer.address).toBe(privateKeyToAccount(key).address.toLowerCase())
    for (const call of calls) expect(await signCall(signer, call)).toMatch(/^0x/)
  })

  it("with another password, another address, or that is no keystore is refused, and nothing of it is said", async () => {
    const good = await environment("scrypt")
    const json = JSON.parse(
      await Wallet.fromPrivateKey(Buffer.from(key.slice(2), "hex")).toV3String("a password", { n: 1_024 }),
    )
    const bad: [object, RegExp][] = [
      [{ ...good, SIGNER_KEYSTORE_PASSWORD_FILE: save("wrong", "another") }, /wrong password, or altered/],
      [
        {
          ...good,
          SIGNER_KEYSTORE: save("other.json", JSON.stringify({ ...json, address: "11".repeat(20) })),
        },
        /holds the key of/,
      ],
      [{ ...good, SIGNER_KEYSTORE: save("text.json", `{"key":"${key}"`) }, /is no keystore of version 3/],
      [{ ...good, SIGNER_KEYSTORE: join(directory, "absent") }, /cannot be read from/],
      [{ SIGNER_KEYSTORE: good.SIGNER_KEYSTORE }, /needs SIGNER_KEYSTORE_PASSWORD_FILE/],
      [
        { ...good, SIGNER_PRIVATE_KEY: key },
        /nothing but SIGNER_PRIVATE_KEY: SIGNER_KEYSTORE and SIGNER_PRIVATE_KEY are set/,
      ],
      [{}, /: none is set/],
    ]
    for (const [environment, message] of bad) {
      const failure = await Promise.resolve()
        .then(() => createSigners(environment as Record<string, string>))
        .catch((error: unknown) => error as Error)
      expect(failure).toMatchObject({ code: "SIGNER_REFUSED", message: expect.stringMatching(message) })
      expect(String(failure)).not.toContain(key.slice(2))
      expect(String(failure)).not.toContain("a password")
    }
  })
})

describe("several keys", () => {
  const keys = Array.from({ length: 3 }, () => generatePrivateKey())
  const addressesOf = async (environment: Record<string, string>) =>
    (await createSigners(environment)).map(({ address }) => address)
  const wanted = keys.map((key) => privateKeyToAccount(key).address.toLowerCase())

  it("are named with commas, from the environment, from files with one password or one each, or by a service", async () => {
    expect(await addressesOf({ SIGNER_PRIVATE_KEY: keys.join(", ") })).toEqual(wanted)
    const directory = mkdtempSync(join(tmpdir(), "chainbridge-keystores-"))
    const files: string[] = []
    for (const [index, key] of keys.entries()) {
      const wallet = Wallet.fromPrivateKey(Buffer.from(key.slice(2), "hex"))
      files.push(join(directory, `${index}.json`))
      writeFileSync(files[index] ?? "", await wallet.toV3String("a password", { n: 1_024 }))
    }
    const passwords = [0, 1, 2].map((index) => join(directory, `password-${index}`))
    for (const path of passwords) writeFileSync(path, "a password\n")
    const SIGNER_KEYSTORE = files.join(",")
    for (const SIGNER_KEYSTORE_PASSWORD_FILE of [passwords[0] ?? "", passwords.join(",")])
      expect(await addressesOf({ SIGNER_KEYSTORE, SIGNER_KEYSTORE_PASSWORD_FILE })).toEqual(wanted)
    await expect(
      createSigners({ SIGNER_KEYSTORE, SIGNER_KEYSTORE_PASSWORD_FILE: passwords.slice(1).join(",") }),
    ).rejects.toMatchObject({ code: "SIGNER_REFUSED", message: expect.stringMatching(/3 files and .* 2/) })
    rmSync(directory, { recursive: true })
  })

  it("of which two are the same are refused, and neither is said", async () => {
    const [key = "0x"] = keys
    const failure = await createSigners({ SIGNER_PRIVATE_KEY: `${key},${key}` }).catch(
      (error: unknown) => error as Error,
    )
    expect(failure).toMatchObject({ code: "SIGNER_REFUSED", message: expect.stringMatching(/is set twice/) })
    expect(String(failure)).not.toContain(key.slice(2))
  })
})

describe("a key management service", () => {
  let kms: KmsServer
  beforeEach(async () => {
    kms = await startKmsServer()
  })
  afterEach(() => kms.close())

  const connect = () =>
    createKmsSigner({
      keyId: kms.keyId,
      endpoint: kms.endpoint,
      region: kmsRegion,
      client: { credentials: kmsCredentials },
    })

  it("signs transactions of both types, always with the lower s", async () => {
    const signer = await connect()
    // Half of all signatures have the higher one.
    for (let nonce = 0n; nonce < 24n; nonce += 1n)
      for (const call of calls) {
        const { s = "0x0" } = parseTransaction(
          (await signCall(signer, { ...call, nonce })) as `0x02${string}`,
        )
        expect(BigInt(s)).toBeLessThan(2n ** 255n)
      }
    expect(kms.asked.every(({ body }) => body["KeyId"] === kms.keyId)).toBe(true)
  })

  it("is asked again where it is throttled or fails, and else said to be away", async () => {
    const signer = await connect()
    const [call] = calls
    if (call === undefined) throw new Error("no call")
    kms.faults.push({ status: 400, body: '{"__type":"ThrottlingException"}' }, null)
    expect(await signCall(signer, call)).toMatch(/^0x/)
    const refusals: KmsServer["faults"][] = [
      [
        { status: 500, body: "" },
        { status: 503, body: "<html>" },
      ],
      [{ status: 400, body: '{"__type":"AccessDeniedException","message":"no"}' }],
      [{ status: 200, body: "{}" }],
      [
        {
          status: 200,
          body: JSON.stringify({ Signature: Buffer.from("3006020100020101", "hex").toString("base64") }),
        },
      ],
      [{ status: 200, body: JSON.stringify({ Signature: Buffer.alloc(64, 1).toString("base64") }) }],
    ]
    for (const faults of refusals) {
      kms.faults.push(...faults)
      await expect(signCall(signer, call)).rejects.toMatchObject({
        code: "SIGNER_UNAVAILABLE",
        retryable: true,
      })
    }
  })

  it("that never answers is not waited for as long as a lease lasts, and what it says of itself stays inside", async () => {
    const signer = await connect()
    const [call] = calls
    if (call === undefined) throw new Error("no call")
    kms.faults.push("silent", "silent")
    const began = performance.now()
    await expect(signCall(signer, call)).rejects.toMatchObject({
      code: "SIGNER_UNAVAILABLE",
      retryable: true,
    })
    expect(performance.now() - began).toBeLessThan(9_000)
    const body = JSON.stringify({
      __type: "AccessDeniedException",
      message: "arn:aws:iam::123:role/settler may not",
    })
    kms.faults.push({ status: 400, body })
    const refused = await signCall(signer, call).catch((error: unknown) => error as Error)
    expect(describeError(refused)).toMatch(/AccessDeniedException$/)
  })

  it("that signs with another key, or has one of another curve, is refused", async () => {
    const signer = await connect()
    kms.useKey(generatePrivateKey())
    const [call] = calls
    if (call === undefined) throw new Error("no call")
    await expect(signCall(signer, call)).rejects.toMatchObject({ code: "SIGNER_REFUSED" })
    kms.useOtherCurve()
    await expect(connect()).rejects.toMatchObject({
      code: "SIGNER_REFUSED",
      message: expect.stringContaining("ECC_SECG_P256K1"),
    })
  })
})

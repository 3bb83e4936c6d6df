import { parseTransaction, recoverTransactionAddress, type TransactionSerializedEIP1559 } from "viem"
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts"
import { expect, it } from "vitest"
import { encodeSettle } from "./encode-settle.ts"
import { createEnvironmentSigner } from "./environment-signer.ts"
import { signCall } from "./sign-call.ts"
import type { CallToSign } from "./signer.ts"

const key = generatePrivateKey()
const call = {
  chainId: 31_337n,
  nonce: 0n,
  to: `0x${"44".repeat(20)}`,
  data: encodeSettle(`0x${"01".repeat(32)}`, `0x${"02".repeat(32)}`),
  gasLimit: 100_000n,
  type: "eip1559",
  maxFeePerGas: 2_000n,
  maxPriorityFeePerGas: 1_000n,
} as const satisfies CallToSign

it("signs what it is asked to, with the key of the environment", async () => {
  const signer = createEnvironmentSigner({ SIGNER_PRIVATE_KEY: key })
  const raw = (await signCall(signer, call)) as TransactionSerializedEIP1559
  expect(signer.address).toBe(privateKeyToAccount(key).address.toLowerCase())
  expect((await recoverTransactionAddress({ serializedTransaction: raw })).toLowerCase()).toBe(signer.address)
  expect(parseTransaction(raw)).toMatchObject({ data: call.data, gas: 100_000n, maxFeePerGas: 2_000n })
})

it("signs a legacy transaction for its chain and no other", async () => {
  const signer = createEnvironmentSigner({ SIGNER_PRIVATE_KEY: key })
  const { maxFeePerGas, maxPriorityFeePerGas, ...unpriced } = call
  const raw = await signCall(signer, { ...unpriced, type: "legacy", gasPrice: 3_000n })
  expect(parseTransaction(raw)).toMatchObject({
    type: "legacy",
    chainId: 31_337,
    data: call.data,
    gasPrice: 3_000n,
  })
  expect([maxFeePerGas, maxPriorityFeePerGas]).toEqual([2_000n, 1_000n])
})

it("is refused in production unless that is allowed in so many words", () => {
  const environment = { SIGNER_PRIVATE_KEY: key, NODE_ENV: "production" }
  expect(() => createEnvironmentSigner(environment)).toThrow(/for development/)
  expect(() =>
    createEnvironmentSigner({ ...environment, CHAINBRIDGE_ALLOW_ENV_SIGNER: "true" }),
  ).not.toThrow()
})

it.each(["", "0x12", `0x${"00".repeat(32)}`, `0x${"ff".repeat(32)}`, `${key}00`])(
  "refuses the key %j without repeating it",
  (bad) => {
    const refuse = () => createEnvironmentSigner({ SIGNER_PRIVATE_KEY: bad })
    expect(refuse).toThrow(expect.objectContaining({ code: "SIGNER_REFUSED" }))
    expect(refuse).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(bad === "" ? "\0" : bad) }),
    )
  },
)

it("saves nothing that a signer made of its own accord", async () => {
  const signer = createEnvironmentSigner({ SIGNER_PRIVATE_KEY: key })
  const other = createEnvironmentSigner({ SIGNER_PRIVATE_KEY: generatePrivateKey() })
  await expect(signCall({ ...signer, sign: (asked) => other.sign(asked) }, call)).rejects.toThrow(
    /something else/,
  )
  const changes: Partial<CallToSign>[] = [
    { nonce: 1n },
    { chainId: 1n },
    { to: `0x${"55".repeat(20)}` },
    { data: "0x" },
    { gasLimit: 100_001n },
    { maxFeePerGas: 2_001n },
    { maxPriorityFeePerGas: 1_001n },
    { type: "legacy", gasPrice: 2_000n },
  ]
  for (const change of changes) {
    const sign = (asked: CallToSign) => signer.sign({ ...asked, ...change } as CallToSign)
    await expect(signCall({ ...signer, sign }, call), JSON.stringify(Object.keys(change))).rejects.toThrow(
      /something else/,
    )
  }
})

import type { Hex } from "viem"
import { afterAll, beforeAll, expect, test } from "vitest"
import { checkToken, type TokenToCheck } from "../../cli/registry/check-token.ts"
import { checkTokens, tokensOf } from "../../cli/registry/check-tokens.ts"
import { chooseMode } from "../../cli/registry/choose-mode.ts"
import type { Configuration } from "../../platform/config/load-configuration.ts"
import { createChainClient } from "../../platform/rpc/chain-client.ts"
import { type Anvil, startAnvil } from "../support/anvil.ts"
import { callJsonRpc } from "../support/call-json-rpc.ts"
import { deployBlockingToken } from "../support/deploy-blocking-token.ts"
import { type DeployedToken, deployToken } from "../support/deploy-token.ts"
import { startRpcFaultProxy } from "../support/rpc-fault-proxy.ts"

let anvil: Anvil
let ours: DeployedToken
let theirs: DeployedToken
beforeAll(async () => {
  anvil = await startAnvil({ args: [] })
  ours = await deployToken(anvil.rpcUrl)
  theirs = await deployBlockingToken(anvil.rpcUrl)
})
afterAll(() => anvil?.stop())

const stranger: Hex = `0x${"5e".repeat(20)}`

function check(token: DeployedToken | Hex, signer: Hex | null, more: Partial<TokenToCheck> = {}) {
  const client = createChainClient({ chainId: 31_337n, urls: [anvil.rpcUrl] })
  const address = typeof token === "string" ? token : token.address
  return checkToken(
    client,
    { symbol: "X", chainId: 31_337, address, decimals: 18, mode: "settle", treasury: null, ...more },
    signer,
  )
}

/** A contract of these bytes. */
async function place(code: Hex): Promise<Hex> {
  const address: Hex = `0x${"c0".repeat(20)}`
  await callJsonRpc(anvil.rpcUrl, "anvil_setCode", [address, code])
  return address
}

test("a token that its signer may settle in the mode is good", async () => {
  expect(await check(ours, ours.operator)).toBeNull()
  expect(await check(theirs, theirs.operator)).toBeNull()
  expect(await check(theirs, theirs.operator, { mode: "batch-mint-burn" })).toBeNull()
})

test("one that is paused is good as well: who may settle it is told before that", async () => {
  await ours.callAsAdmin("pause")
  expect(await check(ours, ours.operator)).toBeNull()
  expect(await check(ours, stranger)).toContain("lacks the role OPERATOR_ROLE")
  await ours.callAsAdmin("unpause")
})

test.each<[string, () => Promise<string | null>, string]>([
  ["no contract", () => check(stranger, null), "there is no contract at 0x5e5e"],
  ["other decimals", () => check(ours, null, { decimals: 6 }), "has 18 decimals, and not 6; correct them"],
  [
    "no role to settle",
    () => check(ours, stranger),
    "lacks the role OPERATOR_ROLE; have the token's admin grant it",
  ],
  [
    "no role to mint",
    () => check(ours, ours.operator, { mode: "batch-mint-burn" }),
    "lacks the role MINTER_ROLE; have the token's admin grant it",
  ],
  ["a signer that it refuses", () => check(theirs, stranger), "refuses settle to the signer"],
  // PUSH0 PUSH0 REVERT
  [
    "a contract that knows nothing",
    async () => check(await place("0x5f5ffd"), stranger),
    "does not know settle",
  ],
  // STOP: whatever is called succeeds, as with a fallback function.
  [
    "a contract that takes everything",
    async () => check(await place("0x00"), stranger),
    "does not know the call",
  ],
])("%s is refused in a sentence", async (_, found, expected) => {
  expect(await found()).toMatch(/^X on chain 31337/)
  expect(await found()).toContain(expected)
})

const configurationOf = (token: object) =>
  ({ chains: {}, tokens: { local: { chain_id: 31_337, tokens: [token] } } }) as unknown as Configuration

test("the mode is that of the features where none is named, and one that is not there is refused", () => {
  const choose = (features: string[], settlement_mode?: "settle" | "treasury") =>
    chooseMode(31_337, { symbol: "X", features, settlement_mode } as never)
  expect(choose(["mintable", "burnable", "settle"])).toBe("settle")
  expect(choose(["mintable", "burnable"])).toBe("batch-mint-burn")
  expect(choose(["mintable", "burnable"], "settle")).toBe("settle")
  expect(choose(["transfer"])).toBe("treasury")
  expect(() => choose(["native"])).toThrow("the chain's own coin, which cannot be settled yet")
})

test("every refusal is said at once; a chain that does not answer refuses nobody", async () => {
  const proxy = await startRpcFaultProxy(anvil.rpcUrl)
  const warnings: string[] = []
  const { address } = ours
  const configuration = configurationOf({ address, symbol: "X", decimals: 6, features: ["settle"] })
  const run = () =>
    checkTokens(
      null,
      { chainId: 31_337, rpcUrls: [proxy.url], signer: ours.operator },
      tokensOf(configuration, 31_337, { tokens: {}, treasury: null }),
      (message) => warnings.push(message),
    )
  await expect(run()).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringContaining("decimals"),
  })
  proxy.set("*", { fault: "cut" })
  await run()
  expect(warnings).toEqual([expect.stringContaining("the tokens of chain 31337 are not checked")])
  await proxy.close()
})

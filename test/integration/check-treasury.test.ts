import type { Hex } from "viem"
import { afterAll, beforeAll, expect, test } from "vitest"
import { checkToken } from "../../cli/registry/check-token.ts"
import { createChainClient } from "../../platform/rpc/chain-client.ts"
import { type Anvil, startAnvil } from "../support/anvil.ts"
import { deployToken } from "../support/deploy-token.ts"
import { deployTreasury, type OddToken, treasuryFunds } from "../support/deploy-treasury.ts"

let anvil: Anvil
let token: OddToken
beforeAll(async () => {
  anvil = await startAnvil({ args: [] })
  token = await deployTreasury(anvil.rpcUrl)
})
afterAll(() => anvil?.stop())

const stranger: Hex = `0x${"5e".repeat(20)}`

const check = (of: { treasury?: Hex | null; signer?: Hex; decimals?: number } = {}) =>
  checkToken(
    createChainClient({ chainId: 31_337n, urls: [anvil.rpcUrl] }),
    {
      symbol: "ODD",
      chainId: 31_337,
      address: token.address,
      decimals: of.decimals ?? 6,
      mode: "treasury",
      treasury: of.treasury === undefined ? token.treasury : of.treasury,
    },
    of.signer ?? token.operator,
  )

test("a token that arrives as it is sent is good, also when it answers nothing, or nothing can be tried yet", async () => {
  expect(await check()).toBeNull()
  await token.set("setAnswer", 1n)
  expect(await check()).toBeNull()
  await token.set("setAnswer", 0n)
  await token.callTreasury("pause")
  expect(await check()).toBeNull()
  await token.callTreasury("unpause")
  await token.callTreasury("withdraw", token.address, token.admin, treasuryFunds)
  expect(await check()).toBeNull()
  await token.set("mint", token.treasury, treasuryFunds)
})

test("what is wrong with its treasury is said, with what to do", async () => {
  expect(await check({ treasury: null })).toContain("name one as the treasury")
  expect(await check({ treasury: stranger })).toContain(`there is no contract at ${stranger}, its treasury`)
  expect(await check({ treasury: token.address })).toContain("is no treasury of ours")
  const ours = await deployToken(anvil.rpcUrl)
  expect(await check({ treasury: ours.address })).toContain("is no treasury of ours")
  expect(await check({ signer: stranger })).toContain(`lacks the role OPERATOR_ROLE of the treasury`)
  expect(await check({ decimals: 18 })).toContain("has 6 decimals")
})

test.each([
  ["keeps a share, however small", "setFee", 1n, "keeps a share of what is sent"],
  ["charges the sender", "setSurcharge", 1n, "keeps a share of what is sent"],
  ["answers false", "setAnswer", 2n, "answers false to a transfer"],
] as const)("a token that %s is refused", async (_what, setting, value, reason) => {
  if (setting === "setSurcharge") await token.set("mint", token.treasury, 2n * treasuryFunds)
  await token.set(setting, value)
  expect(await check()).toContain(reason)
  await token.set(setting, 0n)
})

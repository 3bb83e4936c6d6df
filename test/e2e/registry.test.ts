import { encodeFunctionData, keccak256, toHex } from "viem"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import type { StackFile } from "../../cli/stack/stack-file.ts"
import { type DeployedToken, deployToken } from "../support/deploy-token.ts"
import { endStack, type StartedStack, startStack } from "../support/stack.ts"
import { waitUntil } from "../support/wait-until.ts"

let started: StartedStack
let stack: StackFile
beforeAll(async () => {
  started = startStack(["--ephemeral", "--port", "0"])
  stack = await started.ready
})
afterAll(() => endStack(started))

async function call(method: string, path: string, body?: object) {
  const answer = await fetch(`${stack.api_url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${stack.api_key}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  // biome-ignore lint/suspicious/noExplicitAny: whatever the route answers
  return { status: answer.status, body: (await answer.json()) as any }
}

const notes = () => started.lines.flatMap(({ note }) => (typeof note === "string" ? [note] : []))
const reward = (user: string, token: string, amount: string) => ({
  adjustments: [{ user_id: user, token_symbol: token, amount, reason_type: "reward" }],
})

async function confirmed(user: string, token: string): Promise<string | undefined> {
  const { body } = await call("GET", `/balance/${user}?token_symbol=${token}`)
  return (body.data?.balances ?? [body.data])[0]?.confirmed_balance
}

async function expectConfirmed(user: string, token: string, amount: string): Promise<void> {
  await waitUntil(async () => (await confirmed(user, token))?.startsWith(amount) === true, {
    what: `${amount} ${token} of ${user} are confirmed`,
    timeoutMs: 90_000,
    describe: async () => ({
      balance: await call("GET", `/balance/${user}?token_symbol=${token}`),
      notes: notes(),
    }),
  })
}

async function signer(): Promise<`0x${string}`> {
  const { body } = await call("GET", "/system/health")
  const [found] = JSON.stringify(body).match(/0x[0-9a-f]{40}/g) ?? []
  const named = JSON.stringify(body).match(/"(?:address|signer)":"(0x[0-9a-fA-F]{40})"/)?.[1] ?? found
  return named as `0x${string}`
}

describe("a token that is registered in a running system", () => {
  let token: DeployedToken
  const wanted = () => ({
    chain_id: stack.chain_id,
    token_address: token.address,
    symbol: "GEM",
    decimals: 18,
    reason: "the second season has gems",
    document: { name: "Gem", features: ["mintable", "burnable", "settle"] },
  })

  test("is refused, with what to do, as long as its contract does not bear it", async () => {
    token = await deployToken(stack.rpc_url)
    const refused = await call("POST", "/admin/tokens", wanted())
    expect([refused.status, refused.body.errors[0]]).toMatchObject([
      422,
      {
        code: "TOKEN_UNFIT",
        message: expect.stringContaining("lacks the role OPERATOR_ROLE; have the token's admin grant it"),
      },
    ])
    const other = await call("POST", "/admin/tokens", { ...wanted(), decimals: 6 })
    expect(other.body.errors[0].message).toContain("has 18 decimals, and not 6")
    const nowhere = await call("POST", "/admin/tokens", {
      ...wanted(),
      token_address: `0x${"77".repeat(20)}`,
    })
    expect(nowhere.body.errors[0].message).toContain("there is no contract at 0x7777")
  })

  test("is adjusted, settled and confirmed without anybody's restart, and so are the others", async () => {
    const args = [keccak256(toHex("OPERATOR_ROLE")), await signer()] as const
    await token.sendAsAdmin(encodeFunctionData({ abi: cpopTokenAbi, functionName: "grantRole", args }))
    await call("POST", "/balance/adjust", reward("before", "CPOP", "+3"))
    await expectConfirmed("before", "CPOP", "3")
    const registered = await call("POST", "/admin/tokens", wanted())
    expect([registered.status, registered.body.errors]).toEqual([200, undefined])
    expect(registered.body.data).toMatchObject({ entry: { id: "31337:GEM", version: 1 }, warnings: [] })
    expect((await call("POST", "/balance/adjust", reward("ann", "GEM", "+7"))).status).toBe(200)
    expect((await call("POST", "/balance/adjust", reward("ann", "CPOP", "+5"))).status).toBe(200)
    await expectConfirmed("ann", "GEM", "7")
    await expectConfirmed("ann", "CPOP", "5")
    expect(await confirmed("before", "CPOP")).toMatch(/^3\b/)
    // What it has indexed is confirmed as soon as it is there; that it has caught up is said after.
    await waitUntil(async () => notes().includes("indexer is back"), { what: "the indexer is back" })
    expect(notes().filter((note) => note.includes("indexer"))).toEqual([
      "indexer starts again: there is something else to index",
      "indexer is back",
    ])
    const alarms = await call("GET", "/alarms")
    expect(alarms.body.data.alarms).toEqual([])
  })
})

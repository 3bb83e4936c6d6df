import { type Address, getAddress, zeroHash } from "viem"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { cpopTokenAbi } from "../abis/cpop-token.ts"
import { encodeDeltas } from "../ledger/domain/packed-deltas.ts"
import { startTestChain, type TestChain } from "./test/test-chain.ts"
import { callToken, type Outcome } from "./test/token-calls.ts"
import { deployToken, roles, type TokenFixture } from "./test/token-fixture.ts"

type RoleName = keyof typeof roles
type Caller = RoleName | "nobody"

const callers: readonly Caller[] = ["admin", "minter", "burner", "operator", "nobody"]
const holder: Address = "0x00000000000000000000000000000000000000A1"

type Guarded = {
  readonly role: RoleName
  readonly call: (token: TokenFixture, from: Address, attempt: bigint) => Promise<Outcome>
}

let chain: TestChain
let token: TokenFixture

beforeAll(async () => {
  chain = await startTestChain()
  token = await deployToken(chain)
  await callToken(chain, token.address, token.minter, "mint", [holder, 1000n])
})
afterAll(() => chain.stop())

const call = <Name extends Parameters<typeof callToken>[3]>(
  fixture: TokenFixture,
  from: Address,
  name: Name,
  args: Parameters<typeof callToken<Name>>[4],
) => callToken(chain, fixture.address, from, name, args)

const unauthorized = (from: Address, role: RoleName) =>
  `AccessControlUnauthorizedAccount(${getAddress(from)},${roles[role]})`

const guarded = {
  mint: { role: "minter", call: (fixture, from) => call(fixture, from, "mint", [holder, 1n]) },
  batchMint: { role: "minter", call: (fixture, from) => call(fixture, from, "batchMint", [[holder], [1n]]) },
  burn: { role: "burner", call: (fixture, from) => call(fixture, from, "burn", [holder, 1n]) },
  batchBurn: { role: "burner", call: (fixture, from) => call(fixture, from, "batchBurn", [[holder], [1n]]) },
  settle: {
    role: "operator",
    call: (fixture, from, attempt) =>
      call(fixture, from, "settle", [attempt, encodeDeltas([{ address: holder, amount: 1n }])]),
  },
  cancelBatch: {
    role: "operator",
    call: (fixture, from, attempt) => call(fixture, from, "cancelBatch", [1000n + attempt]),
  },
  pause: { role: "admin", call: (fixture, from) => call(fixture, from, "pause", []) },
  unpause: { role: "admin", call: (fixture, from) => call(fixture, from, "unpause", []) },
  grantRole: {
    role: "admin",
    call: (fixture, from) => call(fixture, from, "grantRole", [roles.minter, holder]),
  },
  revokeRole: {
    role: "admin",
    call: (fixture, from) => call(fixture, from, "revokeRole", [roles.minter, holder]),
  },
} satisfies Record<string, Guarded>

/** Open to everyone, because they move only what the caller owns, was allowed to move or may give up. */
const open = [
  "approve",
  "batchTransfer",
  "batchTransferFrom",
  "permit",
  "renounceRole",
  "transfer",
  "transferFrom",
]

test("the matrix names every function that changes state", () => {
  const changing = cpopTokenAbi
    .filter((entry) => entry.type === "function")
    .filter((entry) => entry.stateMutability !== "view")
    .map((entry) => entry.name)
  expect([...Object.keys(guarded), ...open].sort()).toEqual([...changing].sort())
})

describe.each(Object.entries<Guarded>(guarded))("%s", (name, { role, call: invoke }) => {
  test.each(callers)(`called by %s, needs ${role}`, async (caller) => {
    // Only a paused token can be unpaused.
    if (name === "unpause") await call(token, token.admin, "pause", [])
    const from = token[caller]
    const outcome = await invoke(token, from, BigInt(callers.indexOf(caller)))
    if (caller === role) expect(outcome).toHaveProperty("events")
    else expect(outcome).toEqual({ refused: unauthorized(from, role) })
    await call(token, token.admin, "unpause", [])
  })
})

test("a new token gives its admin the admin's role and nothing else", async () => {
  const hasRole = (role: `0x${string}`, account: Address) =>
    chain.publicClient.readContract({
      address: token.address,
      abi: cpopTokenAbi,
      functionName: "hasRole",
      args: [role, account],
    })
  expect(await hasRole(zeroHash, token.admin)).toBe(true)
  for (const role of [roles.minter, roles.burner, roles.operator])
    expect(await hasRole(role, token.admin)).toBe(false)
})

test("a revoked role is gone", async () => {
  const other = await deployToken(chain)
  await call(other, other.admin, "revokeRole", [roles.operator, other.operator])
  expect(await guarded.settle.call(other, other.operator, 1n)).toHaveProperty("refused")
})

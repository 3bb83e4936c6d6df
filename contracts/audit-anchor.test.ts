import { type Address, encodeFunctionData, getAddress, type Hex, pad, zeroHash } from "viem"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { auditAnchorAbi } from "../abis/audit-anchor.ts"
import { ledgerIdBytes } from "../ledger/domain/wallet-address.ts"
import { type AnchorFixture, anchorRole, deployAnchor } from "./test/anchor-fixture.ts"
import { startTestChain, type TestChain } from "./test/test-chain.ts"
import { callWithData, type Outcome } from "./test/token-calls.ts"

const ledgerId = ledgerIdBytes("01890a5d-ac96-774b-bcce-b302099a8057")
const otherLedgerId = ledgerIdBytes("01890a5d-ac96-774b-bcce-b302099a8058")
const root = (digit: string): Hex => `0x${digit.repeat(64)}`

let chain: TestChain
let anchor: AnchorFixture

beforeAll(async () => {
  chain = await startTestChain()
})
afterAll(() => chain.stop())
beforeEach(async () => {
  anchor = await deployAnchor(chain)
})

const call = (from: Address, data: Hex): Promise<Outcome> =>
  callWithData(chain, anchor.address, from, data, auditAnchorAbi)
const put = (treeSize: bigint, value: Hex, options: { ledger?: Hex; from?: Address } = {}) =>
  call(
    options.from ?? anchor.keeper,
    encodeFunctionData({
      abi: auditAnchorAbi,
      functionName: "anchor",
      args: [options.ledger ?? ledgerId, treeSize, value],
    }),
  )
const rootOf = (treeSize: bigint, ledger: Hex = ledgerId) =>
  chain.publicClient.readContract({
    address: anchor.address,
    abi: auditAnchorAbi,
    functionName: "rootOf",
    args: [ledger, treeSize],
  })
const newest = (ledger: Hex = ledgerId) =>
  chain.publicClient.readContract({
    address: anchor.address,
    abi: auditAnchorAbi,
    functionName: "newestCheckpoint",
    args: [ledger],
  })

describe("anchor", () => {
  test("stores a root, says so, and shows it", async () => {
    expect([await rootOf(5n), await newest()]).toEqual([zeroHash, [0n, zeroHash]])
    expect(await put(5n, root("a"))).toEqual({
      events: [{ name: "CheckpointAnchored", args: { ledgerId, treeSize: 5n, root: root("a") } }],
    })
    expect([await rootOf(5n), await newest()]).toEqual([root("a"), [5n, root("a")]])
    expect([await rootOf(4n), await rootOf(6n)]).toEqual([zeroHash, zeroHash])
  })

  test("keeps every root when the tree grows, up to the largest size there is", async () => {
    const largest = 2n ** 64n - 1n
    for (const [size, digit] of [
      [1n, "1"],
      [2n, "2"],
      [largest, "f"],
    ] as const) {
      expect(await put(size, root(digit))).toHaveProperty("events")
    }
    expect([await rootOf(1n), await rootOf(2n), await newest()]).toEqual([
      root("1"),
      root("2"),
      [largest, root("f")],
    ])
  })

  test("keeps the ledgers apart", async () => {
    await put(9n, root("a"))
    expect(await put(3n, root("b"), { ledger: otherLedgerId })).toHaveProperty("events")
    expect([await newest(), await newest(otherLedgerId)]).toEqual([
      [9n, root("a")],
      [3n, root("b")],
    ])
    expect(await rootOf(9n, otherLedgerId)).toBe(zeroHash)
  })

  test("refuses what is there already, the newest and an older one", async () => {
    await put(5n, root("a"))
    expect(await put(5n, root("a"))).toEqual({ refused: `CheckpointAlreadyAnchored(${ledgerId},5)` })
    await put(8n, root("b"))
    expect(await put(5n, root("a"))).toEqual({ refused: `CheckpointAlreadyAnchored(${ledgerId},5)` })
  })

  test("refuses another root for a size that has one", async () => {
    await put(5n, root("a"))
    await put(8n, root("b"))
    expect(await put(5n, root("c"))).toEqual({ refused: `RootDiffers(${ledgerId},5,${root("a")})` })
    expect(await put(8n, root("c"))).toEqual({ refused: `RootDiffers(${ledgerId},8,${root("b")})` })
    expect([await rootOf(5n), await newest()]).toEqual([root("a"), [8n, root("b")]])
  })

  test("refuses a tree that does not grow", async () => {
    await put(5n, root("a"))
    expect(await put(4n, root("c"))).toEqual({ refused: `TreeSizeNotNewer(${ledgerId},4,5)` })
    expect(await rootOf(4n)).toBe(zeroHash)
  })

  test("refuses a tree without events and a root of zeros", async () => {
    expect(await put(0n, root("a"))).toEqual({ refused: "EmptyCheckpoint()" })
    expect(await put(1n, zeroHash)).toEqual({ refused: "EmptyCheckpoint()" })
  })
})

describe("access", () => {
  const refusal = (from: Address, role: Hex) => ({
    refused: `AccessControlUnauthorizedAccount(${getAddress(from)},${role})`,
  })
  const grant = (from: Address, to: Address) =>
    call(from, encodeFunctionData({ abi: auditAnchorAbi, functionName: "grantRole", args: [anchorRole, to] }))
  const revoke = (from: Address, account: Address) =>
    call(
      from,
      encodeFunctionData({ abi: auditAnchorAbi, functionName: "revokeRole", args: [anchorRole, account] }),
    )

  test("every function that changes state is named here", () => {
    const changing = auditAnchorAbi
      .filter((entry) => entry.type === "function")
      .filter((entry) => entry.stateMutability !== "view")
      .map((entry) => entry.name)
    expect([...changing].sort()).toEqual(["anchor", "grantRole", "renounceRole", "revokeRole"])
  })

  test("only who has the role anchors: not the admin, not anybody", async () => {
    for (const from of [anchor.admin, anchor.nobody]) {
      expect(await put(1n, root("a"), { from })).toEqual(refusal(from, anchorRole))
    }
    expect(await newest()).toEqual([0n, zeroHash])
  })

  test("only the admin grants and revokes the role", async () => {
    const adminRole = pad("0x", { size: 32 })
    for (const from of [anchor.keeper, anchor.nobody]) {
      expect(await grant(from, anchor.nobody)).toEqual(refusal(from, adminRole))
      expect(await revoke(from, anchor.keeper)).toEqual(refusal(from, adminRole))
    }
    await grant(anchor.admin, anchor.nobody)
    expect(await put(1n, root("a"), { from: anchor.nobody })).toHaveProperty("events")
    await revoke(anchor.admin, anchor.keeper)
    expect(await put(2n, root("a"))).toEqual(refusal(anchor.keeper, anchorRole))
  })
})

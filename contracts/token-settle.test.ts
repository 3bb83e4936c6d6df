import { type Address, type Hex, keccak256, maxUint256, zeroAddress } from "viem"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { cpopTokenAbi } from "../abis/cpop-token.ts"
import { encodeDeltas } from "../ledger/domain/packed-deltas.ts"
import { startTestChain, type TestChain } from "./test/test-chain.ts"
import { balanceOf, callToken, totalSupply } from "./test/token-calls.ts"
import { deployToken, type TokenFixture } from "./test/token-fixture.ts"

const alice = "0x00000000000000000000000000000000000000A1"
const bob = "0x00000000000000000000000000000000000000b2"
const shortMax = 2n ** 95n - 1n
const longMark = "800000000000000000000000"

let chain: TestChain
let token: TokenFixture

beforeAll(async () => {
  chain = await startTestChain()
})
afterAll(() => chain.stop())
beforeEach(async () => {
  token = await deployToken(chain)
})

const settle = (batchId: bigint, deltas: Hex) =>
  callToken(chain, token.address, token.operator, "settle", [batchId, deltas])
const cancel = (batchId: bigint) => callToken(chain, token.address, token.operator, "cancelBatch", [batchId])
const balance = (account: Address) => balanceOf(chain, token.address, account)
const supply = () => totalSupply(chain, token.address)
const isUsed = (batchId: bigint) =>
  chain.publicClient.readContract({
    address: token.address,
    abi: cpopTokenAbi,
    functionName: "isBatchUsed",
    args: [batchId],
  })
const transfer = (from: Address, to: Address, value: bigint) => ({
  name: "Transfer",
  args: { from, to, value },
})
const settled = (batchId: bigint, deltas: Hex, minted: bigint, burned: bigint) => ({
  name: "BatchSettled",
  args: { batchId, contentHash: keccak256(deltas), minted, burned },
})
const bytes32 = (value: bigint) => BigInt.asUintN(256, value).toString(16).padStart(64, "0")
const long = (account: Address, value: bigint): Hex => `${account}${longMark}${bytes32(value)}`

describe("settle", () => {
  test("mints credits, burns debits, and reports the batch with its own hash", async () => {
    const first = encodeDeltas([{ address: alice, amount: 10n }])
    expect(await settle(1n, first)).toEqual({
      events: [transfer(zeroAddress, alice, 10n), settled(1n, first, 10n, 0n)],
    })
    const second = encodeDeltas([
      { address: alice, amount: -4n },
      { address: bob, amount: 7n },
    ])
    expect(await settle(2n, second)).toEqual({
      events: [transfer(alice, zeroAddress, 4n), transfer(zeroAddress, bob, 7n), settled(2n, second, 7n, 4n)],
    })
    expect([await balance(alice), await balance(bob), await supply()]).toEqual([6n, 7n, 13n])
  })

  test("skips and reports a debit above the balance, and settles the rest", async () => {
    await settle(1n, encodeDeltas([{ address: alice, amount: 3n }]))
    const deltas = encodeDeltas([
      { address: alice, amount: -4n },
      { address: bob, amount: 5n },
      { address: alice, amount: -3n },
    ])
    expect(await settle(2n, deltas)).toEqual({
      events: [
        { name: "DebitSkipped", args: { batchId: 2n, account: alice, amount: 4n, balance: 3n } },
        transfer(zeroAddress, bob, 5n),
        transfer(alice, zeroAddress, 3n),
        settled(2n, deltas, 5n, 3n),
      ],
    })
    expect([await balance(alice), await balance(bob), await supply()]).toEqual([0n, 5n, 5n])
  })

  test("uses up its id even if every debit is skipped", async () => {
    const deltas = encodeDeltas([{ address: alice, amount: -1n }])
    expect(await settle(1n, deltas)).toMatchObject({
      events: [{ name: "DebitSkipped" }, settled(1n, deltas, 0n, 0n)],
    })
    expect(await settle(1n, deltas)).toEqual({ refused: "BatchAlreadyUsed(1)" })
  })

  test.each([
    ["the largest short amount", shortMax],
    ["the smallest long credit", shortMax + 1n],
    ["a long credit", 2n ** 255n - 1n],
  ])("credits and debits %s", async (_, amount) => {
    await settle(1n, encodeDeltas([{ address: alice, amount }]))
    expect([await balance(alice), await supply()]).toEqual([amount, amount])
    const debit = encodeDeltas([{ address: alice, amount: -amount }])
    expect(await settle(2n, debit)).toEqual({
      events: [transfer(alice, zeroAddress, amount), settled(2n, debit, 0n, amount)],
    })
    expect([await balance(alice), await supply()]).toEqual([0n, 0n])
  })

  test("debits the smallest int96, which only the long form can say, and the smallest int256", async () => {
    await settle(1n, encodeDeltas([{ address: alice, amount: 2n ** 95n }]))
    await settle(2n, encodeDeltas([{ address: alice, amount: -(2n ** 95n) }]))
    expect(await balance(alice)).toBe(0n)
    const smallest = encodeDeltas([{ address: alice, amount: -(2n ** 255n) }])
    expect(await settle(3n, smallest)).toMatchObject({
      events: [{ name: "DebitSkipped", args: { amount: 2n ** 255n } }, { name: "BatchSettled" }],
    })
  })

  test("settles 250 accounts in one transaction", async () => {
    const deltas = Array.from({ length: 250 }, (_, index) => ({
      address: `0x${(index + 1).toString(16).padStart(40, "0")}` as const,
      amount: BigInt(index + 1),
    }))
    await settle(1n, encodeDeltas(deltas))
    expect(await supply()).toBe((250n * 251n) / 2n)
    expect(await balance(deltas[249]?.address ?? zeroAddress)).toBe(250n)
  })

  const one = bytes32(1n).slice(40)
  test.each<[string, Hex, string]>([
    ["no deltas", "0x", "DeltasMalformed(0)"],
    ["a record cut short", `${alice}${one.slice(2)}`, "DeltasMalformed(31)"],
    ["a byte too many", `${alice}${one}00`, "DeltasMalformed(33)"],
    ["a long form without its amount", `${alice}${longMark}`, "DeltasMalformed(32)"],
    ["the zero address", `${alice}${one}${"0".repeat(40)}${one}`, "DeltaZeroAddress(32)"],
    ["a zero amount", `${alice}${one}${bob.slice(2)}${"0".repeat(24)}`, "DeltaZeroAmount(32)"],
    ["a long zero", long(alice, 0n), "DeltaNotCanonical(0)"],
    ["a long one", long(alice, 1n), "DeltaNotCanonical(0)"],
    ["a long minus one", long(alice, -1n), "DeltaNotCanonical(0)"],
    ["the largest short amount in the long form", long(alice, shortMax), "DeltaNotCanonical(0)"],
    ["the smallest short amount in the long form", long(alice, -shortMax), "DeltaNotCanonical(0)"],
    [
      "a supply above 256 bits by long credits",
      `${long(alice, 2n ** 255n - 1n)}${long(bob, 2n ** 255n - 1n).slice(2)}${long(bob, 2n ** 96n).slice(2)}`,
      "SupplyOverflow()",
    ],
    [
      "a supply above 256 bits by a last short credit",
      `${long(alice, 2n ** 255n - 1n)}${long(bob, 2n ** 255n - 1n).slice(2)}${alice.slice(2)}${bytes32(2n).slice(40)}`,
      "SupplyOverflow()",
    ],
  ])("reverts as a whole on %s", async (_, deltas, reason) => {
    expect(await settle(1n, deltas)).toEqual({ refused: reason })
    expect([await balance(alice), await balance(bob), await supply(), await isUsed(1n)]).toEqual([
      0n,
      0n,
      0n,
      false,
    ])
  })

  test("reverts when the supply that exists leaves no room, and fills it to the last unit", async () => {
    await callToken(chain, token.address, token.minter, "mint", [alice, maxUint256 - 5n])
    expect(await settle(1n, encodeDeltas([{ address: bob, amount: 6n }]))).toEqual({
      refused: "SupplyOverflow()",
    })
    expect(await settle(1n, encodeDeltas([{ address: bob, amount: 5n }]))).toHaveProperty("events")
    expect(await supply()).toBe(maxUint256)
  })

  test("reverts while paused", async () => {
    const deltas = encodeDeltas([{ address: alice, amount: 1n }])
    await callToken(chain, token.address, token.admin, "pause", [])
    expect(await settle(1n, deltas)).toEqual({ refused: "EnforcedPause()" })
    await callToken(chain, token.address, token.admin, "unpause", [])
    expect(await settle(1n, deltas)).toHaveProperty("events")
  })
})

describe("the guard", () => {
  const deltas = encodeDeltas([{ address: alice, amount: 1n }])

  test.each([0n, 1n, 255n, 256n, 2n ** 128n - 1n, maxUint256])(
    "refuses the batch %s twice",
    async (batchId) => {
      expect(await isUsed(batchId)).toBe(false)
      expect(await settle(batchId, deltas)).toHaveProperty("events")
      expect(await isUsed(batchId)).toBe(true)
      expect(await settle(batchId, deltas)).toEqual({ refused: `BatchAlreadyUsed(${batchId})` })
      expect(await settle(batchId, encodeDeltas([{ address: bob, amount: 1n }]))).toEqual({
        refused: `BatchAlreadyUsed(${batchId})`,
      })
      expect(await cancel(batchId)).toEqual({ refused: `BatchAlreadyUsed(${batchId})` })
      expect(await balance(alice)).toBe(1n)
    },
  )

  test("keeps every id of two words apart", async () => {
    const ids = Array.from({ length: 24 }, (_, index) => 244n + BigInt(index))
    for (const id of ids.filter((candidate) => candidate % 2n === 0n)) await cancel(id)
    expect(await Promise.all(ids.map(isUsed))).toEqual(ids.map((id) => id % 2n === 0n))
  })

  test("refuses to settle or cancel what was cancelled, also if it was cancelled while paused", async () => {
    await callToken(chain, token.address, token.admin, "pause", [])
    expect(await cancel(7n)).toEqual({ events: [{ name: "BatchCancelled", args: { batchId: 7n } }] })
    await callToken(chain, token.address, token.admin, "unpause", [])
    expect(await settle(7n, deltas)).toEqual({ refused: "BatchAlreadyUsed(7)" })
    expect(await cancel(7n)).toEqual({ refused: "BatchAlreadyUsed(7)" })
    expect(await settle(8n, deltas)).toHaveProperty("events")
  })
})

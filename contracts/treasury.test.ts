import {
  type Abi,
  type Address,
  encodeFunctionData,
  erc20Abi,
  getAddress,
  type Hex,
  keccak256,
  pad,
  toHex,
} from "viem"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { treasuryAbi } from "../abis/treasury.ts"
import { encodeDeltas } from "../ledger/domain/packed-deltas.ts"
import { startTestChain, type TestChain } from "./test/test-chain.ts"
import { callWithData, type Outcome } from "./test/token-calls.ts"
import { roles } from "./test/token-fixture.ts"
import { deployTreasury, type TreasuryFixture } from "./test/treasury-fixture.ts"

const funds = 2n ** 100n
const ann: Address = "0x00000000000000000000000000000000000000A1"
const bob: Address = "0x00000000000000000000000000000000000000b2"
const cleo: Address = "0x00000000000000000000000000000000000000C3"

let chain: TestChain
let fixture: TreasuryFixture
beforeAll(async () => {
  chain = await startTestChain()
})
afterAll(() => chain.stop())
beforeEach(async () => {
  fixture = await deployTreasury(chain, "odd", funds)
})

const call = (
  functionName: string,
  args: readonly unknown[],
  from: Address = fixture.operator,
): Promise<Outcome> =>
  callWithData(
    chain,
    fixture.treasury,
    from,
    encodeFunctionData({ abi: treasuryAbi as Abi, functionName, args }),
    [...treasuryAbi, ...fixture.abi.filter(({ type }) => type === "error")],
  )
const settle = (batchId: bigint, deltas: Hex, token: Address = fixture.token) =>
  call("settle", [token, batchId, deltas])
const pay = (batchId: bigint, ...credits: readonly (readonly [Address, bigint])[]) =>
  settle(batchId, encodeDeltas(credits.map(([address, amount]) => ({ address, amount }))))
const balanceOf = (account: Address, token: Address = fixture.token) =>
  chain.publicClient.readContract({
    address: token,
    abi: erc20Abi,
    functionName: "balanceOf",
    args: [account],
  })
const isUsed = (batchId: bigint) =>
  chain.publicClient.readContract({
    address: fixture.treasury,
    abi: treasuryAbi,
    functionName: "isBatchUsed",
    args: [batchId],
  })
const word = (address: Address, amount: bigint) =>
  `${address}${toHex(BigInt.asUintN(96, amount), { size: 12 }).slice(2)}` as Hex

describe("settle", () => {
  test("pays each account and says which batch it was, with the hash of what was paid", async () => {
    const deltas = encodeDeltas([
      { address: ann, amount: 5n },
      { address: bob, amount: 2n ** 98n },
    ])
    expect(await settle(7n, deltas)).toEqual({
      events: [
        {
          name: "BatchSettled",
          args: { batchId: 7n, contentHash: keccak256(deltas), minted: 2n ** 98n + 5n, burned: 0n },
        },
      ],
    })
    expect([await balanceOf(ann), await balanceOf(bob)]).toEqual([5n, 2n ** 98n])
    expect(await balanceOf(fixture.treasury)).toBe(funds - 2n ** 98n - 5n)
    expect([await isUsed(7n), await isUsed(6n), await isUsed(263n)]).toEqual([true, false, false])
  })

  test("pays a batch once, whatever else it is given under its number, and in whatever token", async () => {
    const other = await deployTreasury(chain, "odd", 1n)
    await other.callToken("mint", [fixture.treasury, 100n])
    await pay(7n, [ann, 5n])
    const again = encodeDeltas([{ address: bob, amount: 1n }])
    expect(await settle(7n, again)).toEqual({ refused: "BatchAlreadyUsed(7)" })
    expect(await settle(7n, again, other.token)).toEqual({ refused: "BatchAlreadyUsed(7)" })
    expect([await balanceOf(ann), await balanceOf(bob), await balanceOf(bob, other.token)]).toEqual([
      5n,
      0n,
      0n,
    ])
  })

  test("never pays what was cancelled, and cancels nothing that was paid", async () => {
    expect(await call("cancelBatch", [7n])).toEqual({
      events: [{ name: "BatchCancelled", args: { batchId: 7n } }],
    })
    expect(await pay(7n, [ann, 5n])).toEqual({ refused: "BatchAlreadyUsed(7)" })
    await pay(8n, [ann, 5n])
    expect(await call("cancelBatch", [8n])).toEqual({ refused: "BatchAlreadyUsed(8)" })
  })

  test("refuses what it cannot read to the end, and takes nothing from anybody", async () => {
    const long = word(ann, -(2n ** 95n))
    const longForm = (amount: bigint) =>
      `${long}${toHex(BigInt.asUintN(256, amount), { size: 32 }).slice(2)}` as Hex
    for (const [deltas, refused] of [
      ["0x", "DeltasMalformed(0)"],
      [word(ann, 1n).slice(0, -2) as Hex, "DeltasMalformed(31)"],
      [long, "DeltasMalformed(32)"],
      [word(ann, 0n), "DeltaZeroAmount(0)"],
      [`${word(ann, 1n)}${word(bob, -1n).slice(2)}` as Hex, "DebitNotSupported(32)"],
      [longForm(-(2n ** 95n)), "DebitNotSupported(0)"],
      [longForm(-(2n ** 200n)), "DebitNotSupported(0)"],
      [longForm(1n), "DeltaNotCanonical(0)"],
      [longForm(2n ** 95n - 1n), "DeltaNotCanonical(0)"],
      [word(pad("0x", { size: 20 }), 1n), "DeltaZeroAddress(0)"],
    ] as const)
      expect(await settle(7n, deltas), deltas).toEqual({ refused })
    expect(await isUsed(7n)).toBe(false)
    expect(await balanceOf(ann)).toBe(0n)
  })

  test("refuses sums beyond 256 bits", async () => {
    const most = 2n ** 255n - 1n
    expect(await pay(7n, [ann, most], [bob, most], [cleo, most])).toHaveProperty("refused")
    expect(await isUsed(7n)).toBe(false)
  })

  test("says how much is missing before it pays anybody", async () => {
    expect(await pay(7n, [ann, funds], [bob, 1n])).toEqual({
      refused: `TreasuryBalanceTooLow(${getAddress(fixture.token)},${funds},${funds + 1n})`,
    })
  })

  test("does nothing while it is paused, but for cancelling and withdrawing", async () => {
    await call("pause", [], fixture.admin)
    expect(await pay(7n, [ann, 5n])).toEqual({ refused: "EnforcedPause()" })
    expect(await call("cancelBatch", [7n])).toHaveProperty("events")
    expect(await call("withdraw", [fixture.token, cleo, 3n], fixture.admin)).toHaveProperty("events")
    await call("unpause", [], fixture.admin)
    expect(await pay(8n, [ann, 5n])).toHaveProperty("events")
    expect([await balanceOf(ann), await balanceOf(cleo)]).toEqual([5n, 3n])
  })
})

describe("a token", () => {
  test("may answer nothing", async () => {
    await fixture.callToken("setAnswer", [1n])
    expect(await pay(7n, [ann, 5n], [bob, 6n])).toHaveProperty("events")
    expect([await balanceOf(ann), await balanceOf(bob)]).toEqual([5n, 6n])
    expect(await call("withdraw", [fixture.token, cleo, 3n], fixture.admin)).toHaveProperty("events")
  })

  test("that answers false has not paid", async () => {
    await fixture.callToken("setAnswer", [2n])
    const refused = `SafeERC20FailedOperation(${getAddress(fixture.token)})`
    expect(await pay(7n, [ann, 5n])).toEqual({ refused })
    expect(await call("withdraw", [fixture.token, cleo, 3n], fixture.admin)).toEqual({ refused })
    expect(await isUsed(7n)).toBe(false)
  })

  test("that is none is refused", async () => {
    const args = [cleo, 7n, encodeDeltas([{ address: ann, amount: 1n }])] as const
    const data = encodeFunctionData({ abi: treasuryAbi, functionName: "settle", args })
    expect(await chain.send(fixture.operator, fixture.treasury, data)).toMatchObject({ status: "reverted" })
  })

  test("that keeps a share of what arrives is refused, though it rounds the share of small amounts away", async () => {
    await fixture.callToken("setFee", [10n])
    expect(await pay(7n, [ann, 5n], [bob, 1_000n], [cleo, 999n])).toEqual({
      refused: `FeeOnTransferToken(${getAddress(fixture.token)},${getAddress(bob)},1000,999)`,
    })
    expect([await balanceOf(ann), await isUsed(7n)]).toEqual([0n, false])
    expect(await pay(7n, [ann, 5n], [cleo, 999n])).toHaveProperty("events")
    expect([await balanceOf(ann), await balanceOf(cleo)]).toEqual([5n, 999n])
  })

  test("that charges the sender more than what it sends is refused", async () => {
    await fixture.callToken("setSurcharge", [2n])
    expect(await pay(7n, [ann, 5n], [bob, 6n])).toEqual({
      refused: `FeeOnTransferToken(${getAddress(fixture.token)},${getAddress(fixture.treasury)},11,15)`,
    })
  })

  test("is refused where the treasury would pay itself", async () => {
    expect(await pay(7n, [ann, 5n], [fixture.treasury, 4n])).toEqual({
      refused: `FeeOnTransferToken(${getAddress(fixture.token)},${getAddress(fixture.treasury)},9,5)`,
    })
  })

  test("that refuses one account fails the batch with its own reason", async () => {
    await fixture.callToken("setBlocked", [bob, true])
    expect(await pay(7n, [ann, 5n], [bob, 6n])).toEqual({ refused: `Blocked(${getAddress(bob)})` })
    expect(await balanceOf(ann)).toBe(0n)
  })
})

describe("a token that calls back while it is paid out", () => {
  const payAgain = (batchId: bigint, token: Address = fixture.token) =>
    encodeFunctionData({
      abi: treasuryAbi,
      functionName: "settle",
      args: [token, batchId, encodeDeltas([{ address: cleo, amount: 9n }])],
    })
  const listen = (callback: Hex) => fixture.callToken("setListener", [fixture.treasury, callback])

  test("cannot have anything paid, for it has no role", async () => {
    await listen(payAgain(8n))
    expect(await pay(7n, [ann, 5n])).toMatchObject({ refused: expect.stringMatching(/^ListenerFailed/) })
  })

  test("cannot have the same batch paid again, though it were an operator", async () => {
    await call("grantRole", [roles.operator, fixture.token], fixture.admin)
    await listen(payAgain(7n))
    expect(await pay(7n, [ann, 5n])).toMatchObject({ refused: expect.stringMatching(/^ListenerFailed/) })
    expect([await balanceOf(ann), await balanceOf(cleo)]).toEqual([0n, 0n])
  })

  test("cannot slip another batch of itself in, though it were an operator", async () => {
    await call("grantRole", [roles.operator, fixture.token], fixture.admin)
    await listen(payAgain(8n))
    expect(await pay(7n, [ann, 5n])).toEqual({
      refused: `FeeOnTransferToken(${getAddress(fixture.token)},${getAddress(fixture.treasury)},5,14)`,
    })
    expect([await balanceOf(ann), await balanceOf(cleo)]).toEqual([0n, 0n])
  })
})

describe("access", () => {
  const guarded: Record<
    string,
    readonly [role: "admin" | "operator", args: (of: TreasuryFixture) => readonly unknown[]]
  > = {
    settle: ["operator", (of) => [of.token, 7n, encodeDeltas([{ address: ann, amount: 1n }])]],
    cancelBatch: ["operator", () => [9n]],
    withdraw: ["admin", (of) => [of.token, ann, 1n]],
    pause: ["admin", () => []],
    unpause: ["admin", () => []],
    grantRole: ["admin", () => [roles.operator, ann]],
    revokeRole: ["admin", () => [roles.operator, ann]],
  }

  test("the matrix names every function that changes state", () => {
    const changing = treasuryAbi
      .filter((entry) => entry.type === "function")
      .filter((entry) => entry.stateMutability !== "view")
      .map(({ name }) => name)
    expect([...changing].sort()).toEqual([...Object.keys(guarded), "renounceRole"].sort())
  })

  test.each(Object.keys(guarded))("%s is for its role only", async (name) => {
    const [role, args] = guarded[name] ?? ["admin", () => []]
    for (const who of ["admin", "operator", "nobody"] as const) {
      const outcome = await call(name, args(fixture), fixture[who])
      const unauthorized = `AccessControlUnauthorizedAccount(${getAddress(fixture[who])},${roles[role]})`
      if (who === role) expect(outcome, `${name} by ${who}`).not.toEqual({ refused: unauthorized })
      else expect(outcome, `${name} by ${who}`).toEqual({ refused: unauthorized })
    }
  })
})

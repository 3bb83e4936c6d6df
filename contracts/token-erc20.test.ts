import { type Address, maxUint256, parseSignature, zeroAddress } from "viem"
import { foundry } from "viem/chains"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { cpopTokenAbi } from "../abis/cpop-token.ts"
import { accountAt, startTestChain, type TestChain } from "./test/test-chain.ts"
import { balanceOf, callToken, totalSupply } from "./test/token-calls.ts"
import { deployToken, type TokenFixture } from "./test/token-fixture.ts"

let chain: TestChain
let token: TokenFixture
let alice: Address
let bob: Address
let carol: Address

beforeAll(async () => {
  chain = await startTestChain()
  alice = accountAt(chain.accounts, 5)
  bob = accountAt(chain.accounts, 6)
  carol = accountAt(chain.accounts, 7)
})
afterAll(() => chain.stop())
beforeEach(async () => {
  token = await deployToken(chain)
  await callToken(chain, token.address, token.minter, "mint", [alice, 100n])
})

const call = <Name extends Parameters<typeof callToken>[3]>(
  from: Address,
  name: Name,
  args: Parameters<typeof callToken<Name>>[4],
) => callToken(chain, token.address, from, name, args)
const read = <Name extends "name" | "symbol" | "decimals" | "DOMAIN_SEPARATOR">(functionName: Name) =>
  chain.publicClient.readContract({ address: token.address, abi: cpopTokenAbi, functionName })
const balance = (account: Address) => balanceOf(chain, token.address, account)
const allowance = (owner: Address, spender: Address) =>
  chain.publicClient.readContract({
    address: token.address,
    abi: cpopTokenAbi,
    functionName: "allowance",
    args: [owner, spender],
  })
const transferred = (from: Address, to: Address, value: bigint) => ({
  name: "Transfer",
  args: { from, to, value },
})

// The accounts' own spelling is lower case; errors and events are checksummed, so comparisons go through the node.
const insufficient = (account: Address, held: bigint, needed: bigint) =>
  expect.stringMatching(new RegExp(`^ERC20InsufficientBalance\\(${account},${held},${needed}\\)$`, "i"))

test("says what it is", async () => {
  expect([await read("name"), await read("symbol"), await read("decimals")]).toEqual([
    "CPOP Token",
    "CPOP",
    18,
  ])
})

describe("mint and burn", () => {
  test("change balance and supply and say so", async () => {
    expect(await call(token.minter, "mint", [bob, 7n])).toMatchObject({
      events: [transferred(zeroAddress, bob, 7n)],
    })
    expect(await call(token.burner, "burn", [alice, 40n])).toMatchObject({
      events: [transferred(alice, zeroAddress, 40n)],
    })
    expect([await balance(alice), await balance(bob), await totalSupply(chain, token.address)]).toEqual([
      60n,
      7n,
      67n,
    ])
  })

  test("refuse the zero address and more than is held", async () => {
    expect(await call(token.minter, "mint", [zeroAddress, 1n])).toEqual({
      refused: `ERC20InvalidReceiver(${zeroAddress})`,
    })
    expect(await call(token.burner, "burn", [zeroAddress, 1n])).toEqual({
      refused: `ERC20InvalidSender(${zeroAddress})`,
    })
    expect(await call(token.burner, "burn", [alice, 101n])).toEqual({
      refused: insufficient(alice, 100n, 101n),
    })
  })
})

describe("transfer", () => {
  test("moves what is held", async () => {
    expect(await call(alice, "transfer", [bob, 30n])).toEqual({ events: [transferred(alice, bob, 30n)] })
    expect([await balance(alice), await balance(bob)]).toEqual([70n, 30n])
  })

  test("to oneself, of nothing, and of everything", async () => {
    await call(alice, "transfer", [alice, 100n])
    await call(alice, "transfer", [bob, 0n])
    expect([await balance(alice), await balance(bob)]).toEqual([100n, 0n])
    await call(alice, "transfer", [bob, 100n])
    expect([await balance(alice), await balance(bob)]).toEqual([0n, 100n])
  })

  test("refuses more than is held and the zero address", async () => {
    expect(await call(alice, "transfer", [bob, 101n])).toEqual({ refused: insufficient(alice, 100n, 101n) })
    expect(await call(alice, "transfer", [zeroAddress, 1n])).toEqual({
      refused: `ERC20InvalidReceiver(${zeroAddress})`,
    })
  })
})

describe("approve and transferFrom", () => {
  test("spend the allowance and no more", async () => {
    expect(await call(alice, "approve", [bob, 50n])).toMatchObject({ events: [{ name: "Approval" }] })
    expect(await call(bob, "transferFrom", [alice, carol, 20n])).toEqual({
      events: [transferred(alice, carol, 20n)],
    })
    expect([await allowance(alice, bob), await balance(carol)]).toEqual([30n, 20n])
    expect(await call(bob, "transferFrom", [alice, carol, 31n])).toMatchObject({
      refused: expect.stringMatching(/^ERC20InsufficientAllowance\(.*,30,31\)$/),
    })
  })

  test("an allowance without limit stays; one above the balance does not help", async () => {
    await call(alice, "approve", [bob, maxUint256])
    await call(bob, "transferFrom", [alice, carol, 20n])
    expect(await allowance(alice, bob)).toBe(maxUint256)
    expect(await call(bob, "transferFrom", [alice, carol, 81n])).toEqual({
      refused: insufficient(alice, 80n, 81n),
    })
  })

  test("refuse the zero address as a spender", async () => {
    expect(await call(alice, "approve", [zeroAddress, 1n])).toEqual({
      refused: `ERC20InvalidSpender(${zeroAddress})`,
    })
  })
})

describe("permit", () => {
  const sign = async (value: bigint, nonce: bigint, deadline: bigint) => {
    const signature = await chain.walletClient.signTypedData({
      account: alice,
      domain: { name: "CPOP Token", version: "1", chainId: foundry.id, verifyingContract: token.address },
      types: {
        Permit: [
          { name: "owner", type: "address" },
          { name: "spender", type: "address" },
          { name: "value", type: "uint256" },
          { name: "nonce", type: "uint256" },
          { name: "deadline", type: "uint256" },
        ],
      },
      primaryType: "Permit",
      message: { owner: alice, spender: bob, value, nonce, deadline },
    })
    const { r, s, yParity } = parseSignature(signature)
    return { v: yParity + 27, r, s }
  }

  test("sets an allowance by signature, once", async () => {
    const { v, r, s } = await sign(25n, 0n, maxUint256)
    const args = [alice, bob, 25n, maxUint256, v, r, s] as const
    expect(await call(carol, "permit", args)).toMatchObject({ events: [{ name: "Approval" }] })
    expect(await allowance(alice, bob)).toBe(25n)
    expect(await call(carol, "permit", args)).toMatchObject({
      refused: expect.stringMatching(/^ERC2612InvalidSigner/),
    })
  })

  test("refuses another value than was signed, and a deadline that has passed", async () => {
    const { v, r, s } = await sign(25n, 0n, maxUint256)
    expect(await call(carol, "permit", [alice, bob, 26n, maxUint256, v, r, s])).toMatchObject({
      refused: expect.stringMatching(/^ERC2612InvalidSigner/),
    })
    const late = await sign(25n, 0n, 1n)
    expect(await call(carol, "permit", [alice, bob, 25n, 1n, late.v, late.r, late.s])).toEqual({
      refused: "ERC2612ExpiredSignature(1)",
    })
  })
})

describe("pause", () => {
  test("stops everything that moves tokens, and unpause lets it go on", async () => {
    await call(alice, "approve", [bob, 10n])
    await call(token.admin, "pause", [])
    const paused = { refused: "EnforcedPause()" }
    expect(await call(alice, "transfer", [bob, 1n])).toEqual(paused)
    expect(await call(bob, "transferFrom", [alice, carol, 1n])).toEqual(paused)
    expect(await call(token.minter, "mint", [bob, 1n])).toEqual(paused)
    expect(await call(token.burner, "burn", [alice, 1n])).toEqual(paused)
    expect(await call(token.minter, "batchMint", [[bob], [1n]])).toEqual(paused)
    expect(await call(token.burner, "batchBurn", [[alice], [1n]])).toEqual(paused)
    expect(await call(alice, "batchTransfer", [[bob], [1n]])).toEqual(paused)
    expect(await call(bob, "batchTransferFrom", [[alice], [carol], [1n]])).toEqual(paused)
    expect([await balance(alice), await totalSupply(chain, token.address)]).toEqual([100n, 100n])
    await call(token.admin, "unpause", [])
    expect(await call(alice, "transfer", [bob, 1n])).toHaveProperty("events")
  })
})

describe("batch functions are all or nothing", () => {
  const unchanged = async () =>
    expect([await balance(alice), await balance(bob), await balance(carol)]).toEqual([100n, 0n, 0n])

  test("batchMint", async () => {
    expect(
      await call(token.minter, "batchMint", [
        [bob, zeroAddress],
        [1n, 1n],
      ]),
    ).toEqual({
      refused: `ERC20InvalidReceiver(${zeroAddress})`,
    })
    expect(
      await call(token.minter, "batchMint", [
        [bob, carol],
        [1n, maxUint256],
      ]),
    ).toEqual({
      refused: "SupplyOverflow()",
    })
    expect(await call(token.minter, "batchMint", [[bob], [maxUint256 - 99n]])).toEqual({
      refused: "SupplyOverflow()",
    })
    expect(await call(token.minter, "batchMint", [[bob, carol], [1n]])).toEqual({
      refused: "LengthMismatch()",
    })
    await unchanged()
    expect(
      await call(token.minter, "batchMint", [
        [bob, carol, bob],
        [1n, 2n, 3n],
      ]),
    ).toEqual({
      events: [
        transferred(zeroAddress, bob, 1n),
        transferred(zeroAddress, carol, 2n),
        transferred(zeroAddress, bob, 3n),
      ],
    })
    expect([await balance(bob), await totalSupply(chain, token.address)]).toEqual([4n, 106n])
  })

  test("batchBurn", async () => {
    expect(
      await call(token.burner, "batchBurn", [
        [alice, bob],
        [1n, 1n],
      ]),
    ).toEqual({
      refused: insufficient(bob, 0n, 1n),
    })
    expect(
      await call(token.burner, "batchBurn", [
        [alice, alice],
        [60n, 41n],
      ]),
    ).toEqual({
      refused: insufficient(alice, 40n, 41n),
    })
    expect(await call(token.burner, "batchBurn", [[alice], []])).toEqual({ refused: "LengthMismatch()" })
    expect(await call(token.burner, "batchBurn", [[zeroAddress], [0n]])).toEqual({
      refused: `ERC20InvalidSender(${zeroAddress})`,
    })
    await unchanged()
    expect(
      await call(token.burner, "batchBurn", [
        [alice, alice],
        [60n, 40n],
      ]),
    ).toHaveProperty("events")
    expect([await balance(alice), await totalSupply(chain, token.address)]).toEqual([0n, 0n])
  })

  test("batchTransfer", async () => {
    expect(
      await call(alice, "batchTransfer", [
        [bob, carol],
        [60n, 41n],
      ]),
    ).toEqual({
      refused: insufficient(alice, 40n, 41n),
    })
    expect(await call(alice, "batchTransfer", [[alice], [101n]])).toEqual({
      refused: insufficient(alice, 100n, 101n),
    })
    expect(
      await call(alice, "batchTransfer", [
        [bob, zeroAddress],
        [1n, 1n],
      ]),
    ).toEqual({
      refused: `ERC20InvalidReceiver(${zeroAddress})`,
    })
    expect(await call(alice, "batchTransfer", [[bob], [1n, 1n]])).toEqual({ refused: "LengthMismatch()" })
    await unchanged()
    expect(
      await call(alice, "batchTransfer", [
        [bob, alice, carol],
        [60n, 40n, 40n],
      ]),
    ).toEqual({
      events: [transferred(alice, bob, 60n), transferred(alice, alice, 40n), transferred(alice, carol, 40n)],
    })
    expect([await balance(alice), await balance(bob), await balance(carol)]).toEqual([0n, 60n, 40n])
  })

  test("batchTransferFrom", async () => {
    await call(alice, "approve", [token.nobody, 50n])
    const from = (amounts: readonly bigint[]) =>
      call(token.nobody, "batchTransferFrom", [[alice, alice], [bob, carol], amounts])
    expect(await from([30n, 21n])).toMatchObject({
      refused: expect.stringMatching(/^ERC20InsufficientAllowance\(.*,20,21\)$/),
    })
    expect(await from([30n])).toEqual({ refused: "LengthMismatch()" })
    await unchanged()
    expect(await from([30n, 20n])).toEqual({
      events: [transferred(alice, bob, 30n), transferred(alice, carol, 20n)],
    })
    expect([await balance(alice), await allowance(alice, token.nobody)]).toEqual([50n, 0n])
  })
})

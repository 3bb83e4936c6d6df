import fc from "fast-check"
import { type Abi, type Address, encodeFunctionData, type Hex, keccak256, zeroAddress } from "viem"
import { afterAll, beforeAll, expect, test } from "vitest"
import { cpopTokenAbi } from "../abis/cpop-token.ts"
import { decodeDeltas, encodeDeltas } from "../ledger/domain/packed-deltas.ts"
import { compile } from "./scripts/compile.ts"
import { accountAt, startTestChain, type TestChain } from "./test/test-chain.ts"
import { balanceOf, callToken, callWithData, totalSupply } from "./test/token-calls.ts"
import { deployToken } from "./test/token-fixture.ts"

const referencePath = "contracts/test/PlainToken.sol"

let chain: TestChain
let reference: { readonly abi: Abi; readonly bytecode: Hex }

beforeAll(async () => {
  chain = await startTestChain()
  const compiled = compile([referencePath]).get(`${referencePath}:PlainToken`)
  if (compiled === undefined) throw new Error("the reference did not compile")
  reference = compiled
})
afterAll(() => chain.stop())

const sequencesPerRun = 40
const bytesPerRun = 150

// Few accounts and few ids, so that sequences meet themselves; one account is the sender of transfers.
const accountIndex = fc.nat({ max: 4 })
const smallAmount = fc.oneof(fc.bigInt(0n, 12n), fc.bigInt(0n, 10n ** 21n))
const wideAmount = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt(1n, 12n) },
  { weight: 2, arbitrary: fc.bigInt(1n, 10n ** 21n) },
  { weight: 1, arbitrary: fc.constantFrom(2n ** 95n - 1n, 2n ** 95n, 2n ** 255n - 1n) },
)
const signedAmount = fc.tuple(wideAmount, fc.boolean()).map(([amount, debit]) => (debit ? -amount : amount))
const pairs = fc.array(fc.record({ account: accountIndex, amount: smallAmount }), { maxLength: 6 })
const batchId = fc.bigInt(250n, 262n)

const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("settle" as const),
      batchId,
      deltas: fc.array(fc.record({ account: accountIndex, amount: signedAmount }), {
        minLength: 1,
        maxLength: 8,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancelBatch" as const), batchId }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom("batchMint", "batchBurn", "batchTransfer"), pairs }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("batchTransferFrom" as const),
      pairs,
      recipients: fc.array(accountIndex, { maxLength: 6 }),
    }),
  },
)
type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never

test("settle and the batch functions do what the plain reference does", async () => {
  const runs = { succeeded: 0, refused: 0 }
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 1, maxLength: 12 }), async (commands) => {
      const pair = await deployPair()
      for (const each of commands) {
        const { from, ours, plain } = encodeCommand(each, pair)
        const actual = await callWithData(chain, pair.token, from, ours)
        const expected = await callPlain(pair.plain, from, plain)
        if (expected === "refused") {
          runs.refused += 1
          expect(actual).toHaveProperty("refused")
        } else {
          runs.succeeded += 1
          expect(actual).toEqual(expected)
        }
        await expectSameState(pair)
      }
    }),
    { numRuns: sequencesPerRun },
  )
  expect(runs.succeeded).toBeGreaterThan(sequencesPerRun)
  expect(runs.refused).toBeGreaterThan(0)
}, 240_000)

test("settle takes exactly the bytes that decodeDeltas takes", async () => {
  const { address, operator } = await deployToken(chain)
  const tampered = fc.record({
    deltas: fc.array(fc.record({ account: accountIndex, amount: signedAmount }), {
      minLength: 1,
      maxLength: 3,
    }),
    tail: fc.oneof(
      fc.constant(new Uint8Array()),
      fc.uint8Array({ maxLength: 33 }),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      signedAmount.map(longRecord),
    ),
    position: fc.nat(),
    flip: fc.constantFrom(0, 0, 1, 0x7f, 0x80, 0xff),
  })
  let sequence = 0n
  const runs = { taken: 0, refused: 0 }
  await fc.assert(
    fc.asyncProperty(tampered, async ({ deltas, tail, position, flip }) => {
      const encoded = encodeDeltas(
        deltas.map(({ account, amount }) => ({ address: accountAt(chain.accounts, account), amount })),
      )
      const bytes = Buffer.concat([Buffer.from(encoded.slice(2), "hex"), tail])
      bytes[position % bytes.length] = (bytes[position % bytes.length] ?? 0) ^ flip
      const hex: Hex = `0x${bytes.toString("hex")}`
      sequence += 1n
      const outcome = await callToken(chain, address, operator, "settle", [sequence, hex])
      const isOverflow = "refused" in outcome && outcome.refused === "SupplyOverflow()"
      if (isOverflow) return
      runs[isDecodable(hex) ? "taken" : "refused"] += 1
      expect("events" in outcome, hex).toBe(isDecodable(hex))
    }),
    { numRuns: bytesPerRun },
  )
  expect(Math.min(runs.taken, runs.refused)).toBeGreaterThan(5)
}, 120_000)

type Pair = {
  readonly token: Address
  readonly plain: Address
  readonly minter: Address
  readonly burner: Address
  readonly operator: Address
}

async function deployPair(): Promise<Pair> {
  const { address, minter, burner, operator } = await deployToken(chain)
  const plain = await chain.deploy(reference.abi, reference.bytecode, [])
  const spender = transferSpender()
  for (const owner of pool().slice(0, 3)) {
    const data = encodeFunctionData({ abi: cpopTokenAbi, functionName: "approve", args: [spender, 30n] })
    await chain.send(owner, address, data)
    await chain.send(owner, plain, data)
  }
  return { token: address, plain, minter, burner, operator }
}

const pool = (): Address[] => chain.accounts.slice(5, 10)
const transferSpender = (): Address => accountAt(chain.accounts, 9)
const poolAccount = (index: number): Address => accountAt(pool(), index)

function encodeCommand(value: Command, pair: Pair): { from: Address; ours: Hex; plain: Hex } {
  const same = (from: Address, functionName: string, args: readonly unknown[]) => {
    const abi: Abi = cpopTokenAbi
    const data = encodeFunctionData({ abi, functionName, args })
    return { from, ours: data, plain: data }
  }
  if (value.kind === "settle") {
    const deltas = value.deltas.map(({ account, amount }) => ({ address: poolAccount(account), amount }))
    const encoded = encodeDeltas(deltas)
    const ours = encodeFunctionData({
      abi: cpopTokenAbi,
      functionName: "settle",
      args: [value.batchId, encoded],
    })
    const plain = encodeFunctionData({
      abi: reference.abi,
      functionName: "settlePlainly",
      args: [
        value.batchId,
        deltas.map(({ address }) => address),
        deltas.map(({ amount }) => amount),
        keccak256(encoded),
      ],
    })
    return { from: pair.operator, ours, plain }
  }
  if (value.kind === "cancelBatch") return same(pair.operator, "cancelBatch", [value.batchId])
  const accounts = value.pairs.map(({ account }) => poolAccount(account))
  const amounts = value.pairs.map(({ amount }) => amount)
  if (value.kind === "batchTransferFrom") {
    return same(transferSpender(), value.kind, [accounts, value.recipients.map(poolAccount), amounts])
  }
  const callers = { batchMint: pair.minter, batchBurn: pair.burner, batchTransfer: poolAccount(0) } as const
  const caller = Object.entries(callers).find(([name]) => name === value.kind)?.[1] ?? zeroAddress
  return same(caller, value.kind, [accounts, amounts])
}

async function callPlain(plain: Address, from: Address, data: Hex) {
  // Whether the reference refuses is compared, not in which words.
  const passes = await chain.publicClient.call({ account: from, to: plain, data }).then(
    () => true,
    () => false,
  )
  return passes ? callWithData(chain, plain, from, data) : ("refused" as const)
}

async function expectSameState(pair: Pair): Promise<void> {
  const state = async (contract: Address) => ({
    balances: await Promise.all(pool().map((account) => balanceOf(chain, contract, account))),
    supply: await totalSupply(chain, contract),
  })
  const [actual, expected] = await Promise.all([state(pair.token), state(pair.plain)])
  expect(actual).toEqual(expected)
  expect(actual.balances.reduce((sum, balance) => sum + balance, 0n)).toBe(actual.supply)
}

/** A record in the long form, whether or not its amount needs it. */
function longRecord(amount: bigint): Uint8Array {
  const digits = BigInt.asUintN(256, amount).toString(16).padStart(64, "0")
  return Buffer.from(`${poolAccount(0).slice(2)}8${"0".repeat(23)}${digits}`, "hex")
}

function isDecodable(hex: Hex): boolean {
  try {
    return decodeDeltas(hex).length > 0
  } catch {
    return false
  }
}

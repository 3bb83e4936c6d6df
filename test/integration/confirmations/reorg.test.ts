import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import { deferralDepthFactor } from "../../../batcher/store/held-back.ts"
import { createLoopFixture, type LoopFixture } from "../../support/loop-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

// The indexer may take a minute over a block that is replaced while it reads it: see the fixture.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const stranger = "0x00000000000000000000000000000000000057a9"

let loop: LoopFixture
/** Users of the test that runs, and how many findings there were when it began. */
let ann: string
let bob: string
let before: number
let testNumber = 0

beforeAll(async () => {
  loop = await createLoopFixture()
  loop.run({ limits: { rebroadcastMs: 300 } })
})
afterAll(async () => loop?.close())
beforeEach(async () => {
  testNumber += 1
  ann = `ann-${testNumber}`
  bob = `bob-${testNumber}`
  before = (await loop.findings()).length
  await loop.settle([
    [ann, 500n],
    [bob, 300n],
  ])
  await loop.confirmAll()
})

const findings = async () => (await loop.findings()).slice(before)
const types = async () => (await findings()).map(({ type }) => type)
const newestBatch = async () => {
  const batch = (await loop.batches()).at(-1)
  if (batch === undefined) throw new Error("there is no batch")
  return batch
}

/** Replaces the newest blocks by empty ones, which the indexer has all seen; what was in them is gone from the chain. */
async function reorg(depth: number): Promise<void> {
  const before = await loop.chain.getBlockNumber()
  const mined = Number((await loop.indexed()) - before)
  await loop.rpc("anvil_reorg", depth + mined, [])
  await loop.indexed()
}

/** How many blocks there are from this one on. */
const depthOf = async (blockNumber: bigint | null) =>
  Number((await loop.chain.getBlockNumber()) - (blockNumber ?? 0n)) + 1

const cursorBlock = async () => {
  const cursor = await loop.db.selectFrom("ledger.chain_cursors").selectAll().executeTakeFirstOrThrow()
  return cursor.block_number
}

/** The batcher sends again what a reorganisation threw out. */
const minedAgain = () =>
  waitUntil(async () => (await loop.settledCounts()).size === (await loop.batches()).length, {
    what: "every batch is on the chain again",
    describe: loop.batches,
    timeoutMs: 60_000,
  })

async function expectWhole(): Promise<void> {
  expect((await loop.compare()).filter(({ ledger, chain }) => ledger !== chain)).toEqual([])
  expect([...(await loop.settledCounts()).values()].filter((count) => count !== 1)).toEqual([])
  expect(await loop.verify()).toMatchObject({ ok: true })
}

describe("a reorganisation above the confirmed blocks", () => {
  test.each([1, 2])("of depth %i changes nothing that is confirmed", async (depth) => {
    await loop.settle([[ann, -100n]])
    await loop.mine(depth - 1)
    await reorg(depth)
    await minedAgain()
    expect(await types()).toEqual(["SettlementConfirmed"])
    await loop.confirmAll()
    expect(await types()).toEqual(["SettlementConfirmed", "SettlementConfirmed"])
    expect(await loop.balance(ann)).toEqual({ pending: 400n, confirmed: 400n })
    await expectWhole()
  })
})

describe("two reorganisations in a row", () => {
  test("of which the second takes what the first had left, are both noticed", async () => {
    const address = await loop.addressOf(ann)
    const start = await loop.chain.getBlockNumber()
    await loop.mint(address, 11n)
    await loop.settle([[ann, -100n]])
    await loop.mine(4)
    const settled = await newestBatch()
    await loop.follow()
    await loop.mine(2)
    await loop.follow()
    expect(await loop.balance(ann)).toEqual({ pending: 411n, confirmed: 411n })
    // As after a long pause: the last point that is remembered is below all of it.
    await loop.db.deleteFrom("ledger.confirmed_blocks").where("block_number", ">", start).execute()
    const cursor = await loop.db.selectFrom("ledger.chain_cursors").selectAll().executeTakeFirstOrThrow()
    await loop.db
      .insertInto("ledger.confirmed_blocks")
      .values({ chain_id: loop.chainId, block_number: cursor.block_number, block_hash: cursor.block_hash })
      .execute()

    // The first one leaves deposit and batch where they are, and the cursor goes back to the newest of them.
    await reorg(await depthOf(cursor.block_number))
    expect(await loop.step()).toMatchObject({ outcome: "revoked", revoked: 0 })
    expect(await cursorBlock()).toBe(settled.block_number)
    // The second one takes them, before anything else was walked over again.
    await reorg((await depthOf(settled.block_number)) + 4)
    await loop.mine(3)
    await loop.follow()
    expect((await types()).filter((type) => type === "ConfirmationRevoked")).toHaveLength(2)
    expect(await loop.balance(ann)).toMatchObject({ pending: 400n })
    await minedAgain()
    await loop.confirmAll()
    expect(await loop.balance(ann)).toEqual({ pending: 400n, confirmed: 400n })
    await expectWhole()
  })
})

describe("the database", () => {
  test("keeps the cursor above what is confirmed, whatever the code believes", async () => {
    const settled = await newestBatch()
    const goBack = (blockNumber: bigint) =>
      loop.db.updateTable("ledger.chain_cursors").set({ block_number: blockNumber }).execute()
    const at = await cursorBlock()
    await expect(goBack((settled.block_number ?? 0n) - 1n)).rejects.toThrow("has to be taken back first")
    expect(await cursorBlock()).toBe(at)
  })
})

describe("a reorganisation below the confirmed blocks", () => {
  test("takes every confirmation of the lost blocks back, says so, and confirms what the chain has then", async () => {
    await loop.mint(await loop.addressOf(ann), 11n)
    await loop.settle([
      [ann, -100n],
      ["carl", 5n],
    ])
    await loop.confirmAll()
    expect(await loop.balance(ann)).toEqual({ pending: 411n, confirmed: 411n })
    const known = (await types()).length
    const second = await newestBatch()
    // The first batch stays, the deposit and the second batch are lost.
    await reorg((await depthOf(second.block_number)) + 3)
    const [first] = await loop.follow()
    expect(first).toMatchObject({ outcome: "revoked", revoked: 2 })
    expect((await findings()).slice(known)).toMatchObject([
      {
        type: "ConfirmationRevoked",
        amount: null,
        data: { revoked_type: "SettlementConfirmed", batch_sequence: Number(second.batch_sequence) },
      },
      {
        type: "ConfirmationRevoked",
        amount: -11n,
        data: { revoked_type: "DepositObserved", batch_sequence: null },
      },
    ])
    expect(await loop.balance(ann)).toEqual({ pending: 400n, confirmed: 500n })
    await minedAgain()
    await loop.confirmAll()

    // The deposit never came back, the batch did.
    expect(await loop.balance(ann)).toEqual({ pending: 400n, confirmed: 400n })
    expect(await loop.balance("carl")).toEqual({ pending: 5n, confirmed: 5n })
    await expectWhole()
    expect((await loop.alarmsEver()).at(-1)).toEqual({ kind: "reorg_below_confirmations", isOpen: false })
  })

  test("says so when it takes away what was spent already", async () => {
    const deposited = await loop.chain.getBlockNumber()
    await loop.mint(await loop.addressOf(ann), 100n)
    await loop.confirmAll()
    await loop.adjust([[ann, -550n]])
    await reorg(await depthOf(deposited + 1n))
    await loop.mine(3)
    await loop.follow()
    expect(await loop.balance(ann)).toEqual({ pending: -50n, confirmed: 500n })
    expect((await loop.alarms()).map(({ kind }) => kind)).toContain("overdrawn")
    await loop.adjust([[ann, 50n]])
  })

  test("leaves a transaction confirmed that the new chain has in another block, in its new place", async () => {
    const batch = await newestBatch()
    const transaction = (await loop.transactions()).at(-1)
    const depth = await depthOf(batch.block_number)
    await loop.rpc("anvil_reorg", depth, [[transaction?.raw, depth - 1]])
    await loop.indexed()
    await loop.confirmAll()
    expect(await types()).toEqual(["SettlementConfirmed", "ConfirmationRevoked", "SettlementConfirmed"])
    const [, , again] = await findings()
    expect(again?.data["transaction_hash"]).toBe(transaction?.hash)
    expect(again?.data["block_hash"]).not.toBe(batch.block_hash)
    expect(await loop.balance(ann)).toEqual({ pending: 500n, confirmed: 500n })
    await expectWhole()
  })

  test("opens a deferred debit again when the new chain can pay it", async () => {
    await loop.adjust([[ann, -450n]])
    await loop.transferFrom(await loop.addressOf(ann), stranger, 100n)
    const withdrawn = await loop.chain.getBlockNumber()
    await loop.settle([[bob, 1n]])
    await loop.confirmAll()
    expect(await types()).toEqual([
      "SettlementConfirmed",
      "WithdrawalObserved",
      "SettlementConfirmed",
      "SettlementDeferred",
    ])
    expect(await loop.balance(ann)).toEqual({ pending: -50n, confirmed: 400n })
    // The withdrawal is not part of the new chain, so the debit passes when the batch is mined again.
    await reorg(await depthOf(withdrawn))
    await loop.follow()
    await minedAgain()
    await loop.confirmAll()
    expect((await types()).slice(4)).toEqual([
      "ConfirmationRevoked",
      "ConfirmationRevoked",
      "ConfirmationRevoked",
      "SettlementConfirmed",
    ])
    expect(await loop.balance(ann)).toEqual({ pending: 50n, confirmed: 50n })
    // The chain that skipped it never was.
    expect(
      await loop.db.selectFrom("settlement.batch_items").select("deferrals").distinct().execute(),
    ).toEqual([{ deferrals: 0 }])
    await expectWhole()
  })

  test("has the chain take a deferred debit once, though its wallet could pay it again before", async () => {
    const address = await loop.addressOf(ann)
    await loop.adjust([[ann, -60n]])
    await loop.transferFrom(address, stranger, 500n)
    const withdrawn = await loop.chain.getBlockNumber()
    await loop.settle([[bob, 1n]])
    await loop.confirmAll()
    await loop.transferFrom(stranger, address, 500n)
    await loop.confirmAll()
    expect(await loop.balance(ann)).toEqual({ pending: 440n, confirmed: 500n })
    await loop.settle([[bob, 1n]])
    await loop.confirmAll()
    // In the new chain she never sent her tokens away: the first batch takes the debit after all.
    await reorg(await depthOf(withdrawn))
    await loop.follow()
    await minedAgain()
    await loop.confirmAll()
    expect(await loop.balance(ann)).toEqual({ pending: 440n, confirmed: 440n })
    await expectWhole()
  })

  test("does not open a deferred debit again that another batch has taken up meanwhile", async () => {
    const address = await loop.addressOf(ann)
    await loop.adjust([[ann, -450n]])
    await loop.transferFrom(address, stranger, 100n)
    await loop.settle([[bob, 1n]])
    const deferring = await newestBatch()
    await loop.confirmAll()
    await loop.transferFrom(stranger, address, 100n)
    await loop.mine(deferralDepthFactor * loop.followed.confirmationBlocks)
    await loop.confirmAll()
    await loop.settle([[bob, 1n]])
    await loop.confirmAll()
    expect(await loop.balance(ann)).toEqual({ pending: 50n, confirmed: 50n })
    await reorg(await depthOf(deferring.block_number))
    await loop.follow()
    await minedAgain()
    await loop.confirmAll()
    // The tokens did not come back in the new chain: both batches skip the debit, and it waits once, not twice.
    expect(await loop.balance(ann)).toEqual({ pending: -50n, confirmed: 400n })
    expect(await loop.balanceOf(address)).toBe(400n)
    expect(await loop.verify()).toMatchObject({ ok: true })
  })
})

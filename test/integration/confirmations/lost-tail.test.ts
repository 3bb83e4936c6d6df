import { sql } from "kysely"
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest"
import { confirmBlocks } from "../../../ledger/confirmations/confirm-blocks.ts"
import { createLoopFixture, type LoopFixture } from "../../support/loop-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

let loop: LoopFixture
let before: number
let user: string
let testNumber = 0

beforeAll(async () => {
  loop = await createLoopFixture()
  loop.run({ limits: { rebroadcastMs: 300 } })
})
afterAll(async () => loop?.close())
beforeEach(async () => {
  testNumber += 1
  user = `user-${testNumber}`
  before = (await loop.findings()).length
  await loop.settle([[user, 500n]])
  await loop.confirmAll()
})

const types = async () => (await loop.findings()).slice(before).map(({ type }) => type)
const cursor = () => loop.db.selectFrom("ledger.chain_cursors").selectAll().executeTakeFirstOrThrow()
const rollBackTo = async (blockNumber: bigint) =>
  loop.rpc("anvil_rollback", Number((await loop.chain.getBlockNumber()) - blockNumber))

async function expectHealed(): Promise<void> {
  await waitUntil(async () => (await loop.settledCounts()).size === (await loop.batches()).length, {
    what: "every batch is on the chain again",
    describe: loop.batches,
    timeoutMs: 60_000,
  })
  await loop.indexed()
  await loop.confirmAll()
  expect((await loop.compare()).filter(({ ledger, chain }) => ledger !== chain)).toEqual([])
  expect([...(await loop.settledCounts()).values()].filter((count) => count !== 1)).toEqual([])
  expect((await loop.batches()).map(({ state }) => state)).toEqual(
    (await loop.batches()).map(() => "confirmed"),
  )
  expect(await loop.verify()).toMatchObject({ ok: true })
}

describe("a chain that is shorter than what was confirmed", () => {
  test("is waited for while it may only be behind, and gone back on at its first block that is another one", async () => {
    const start = await loop.chain.getBlockNumber()
    await loop.settle([[user, -100n]])
    await loop.mint(await loop.addressOf(user), 11n)
    // Every block becomes a point of its own, as it does where blocks come one by one.
    for (let block = 0; block < 6; block += 1) {
      await loop.mine(1)
      await loop.follow()
    }
    expect(await types()).toEqual(["SettlementConfirmed", "SettlementConfirmed", "DepositObserved"])
    const confirmed = await cursor()
    // What the batcher sends again at once is mined when the test says so.
    await loop.rpc("evm_setAutomine", false)
    await rollBackTo(start)
    // What the ledger says stands until the chain says otherwise: an endpoint that lags shows the same.
    expect(await loop.step()).toMatchObject({
      outcome: "waiting",
      reason: expect.stringMatching(/has no block \d+ yet, which was confirmed/),
    })
    expect(await types()).toHaveLength(3)
    await loop.mine(1)
    const result = await loop.step()
    await loop.rpc("evm_setAutomine", true)
    expect(await loop.chain.getBlockNumber()).toBeLessThan(confirmed.block_number)
    expect(result).toMatchObject({ outcome: "revoked", revoked: 2 })
    expect((await types()).slice(3).sort()).toEqual(["ConfirmationRevoked", "ConfirmationRevoked"])
    expect((await cursor()).block_number).toBeLessThanOrEqual(start)
    await expectHealed()
    expect(await loop.balance(user)).toEqual({ pending: 400n, confirmed: 400n })
  })
})

describe("a tail that is longer than what is remembered", () => {
  test("is found by the blocks of the confirmations themselves", async () => {
    const kept = (await loop.batches()).at(-1)
    await loop.settle([[user, -100n]])
    await loop.confirmAll()
    await loop.db
      .deleteFrom("ledger.confirmed_blocks")
      .where("block_number", "<", (await cursor()).block_number)
      .execute()
    const lost = (await loop.batches()).at(-1)
    const depth = Number((await loop.chain.getBlockNumber()) - (lost?.block_number ?? 0n)) + 1
    await loop.rpc("anvil_reorg", depth, [])
    await loop.mine(1)
    expect(await loop.step()).toMatchObject({
      outcome: "revoked",
      revoked: 1,
      cursor: { blockNumber: kept?.block_number },
    })
    await expectHealed()
  })

  test("may be all of the chain: everything is taken back to where its tokens start", async () => {
    const standing = (await types()).length
    await loop.db.deleteFrom("ledger.confirmed_blocks").execute()
    const rows = await loop.db
      .selectFrom("ledger.confirmations")
      .select("block_number")
      .where("revoked_position", "is", null)
      .orderBy("block_number")
      .execute()
    const oldest = rows[0]?.block_number ?? 0n
    await loop.rpc("anvil_reorg", Number((await loop.chain.getBlockNumber()) - oldest) + 1, [])
    await loop.mine(1)
    expect(standing).toBe(1)
    expect(await loop.step()).toMatchObject({
      outcome: "revoked",
      revoked: rows.length,
      cursor: { blockNumber: 0n },
    })
    await expectHealed()
  })

  test("is nobody's tail on another chain: nothing is taken back, and somebody is told", async () => {
    await loop.db.deleteFrom("ledger.confirmed_blocks").execute()
    const { block_number: oldest } = await loop.db
      .selectFrom("ledger.confirmations")
      .select("block_number")
      .where("revoked_position", "is", null)
      .orderBy("block_number")
      .executeTakeFirstOrThrow()
    await loop.rpc("anvil_reorg", Number((await loop.chain.getBlockNumber()) - oldest) + 1, [])
    await loop.mine(1)
    const known = (await loop.findings()).length
    expect(await loop.step({ genesisHash: `0x${"99".repeat(32)}` })).toMatchObject({
      outcome: "waiting",
      reason: expect.stringMatching(/another chain, and nothing is taken back/),
    })
    expect((await loop.findings()).length).toBe(known)
    expect((await loop.alarms()).map(({ kind }) => kind)).toContain("reorg_beyond_memory")
    expect(await loop.step()).toMatchObject({ outcome: "revoked" })
    expect((await loop.alarms()).map(({ kind }) => kind)).not.toContain("reorg_beyond_memory")
    await expectHealed()
  })
})

describe("what is remembered", () => {
  test("is every point of late, and of old ones the first of every 128 blocks", async () => {
    const hash = `0x${"ab".repeat(32)}` as const
    const cursorAt = (blockNumber: bigint) => ({ blockNumber, blockHash: hash })
    await loop.db.deleteFrom("ledger.confirmed_blocks").execute()
    await loop.db
      .updateTable("ledger.chain_cursors")
      .set({ block_number: 3_000n, block_hash: hash })
      .execute()
    for (let number = 3_001n; number <= 4_300n; number += 1n) {
      const step = { cursor: cursorAt(number - 1n), to: { number, hash, time: new Date() }, logs: [] }
      expect(await confirmBlocks(loop.db, loop.followed, step, new Date())).toMatchObject({ events: 0 })
    }
    const { rows } = await sql<{ block_number: bigint }>`
      SELECT block_number FROM ledger.confirmed_blocks ORDER BY block_number`.execute(loop.db)
    const numbers = rows.map((row) => row.block_number)
    expect(numbers.slice(0, -1_000)).toEqual([3_001n, 3_072n, 3_200n])
    expect(numbers.slice(-1_000)).toEqual(Array.from({ length: 1_000 }, (_, index) => 3_301n + BigInt(index)))
  })
})

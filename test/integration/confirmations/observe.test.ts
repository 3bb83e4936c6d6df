import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { deferralDepthFactor } from "../../../batcher/store/held-back.ts"
import { createPool } from "../../../platform/postgres.ts"
import { createLoopFixture, type LoopFixture } from "../../support/loop-fixture.ts"
import { insertLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"

const stranger = "0x00000000000000000000000000000000000057a9" as const

let loop: LoopFixture
beforeAll(async () => {
  loop = await createLoopFixture()
  loop.run()
})
afterAll(async () => loop?.close())

describe("a settled batch", () => {
  test("is confirmed at the configured depth and not before, with what the chain moved", async () => {
    await loop.settle([
      ["ann", 500n],
      ["bob", 300n],
    ])
    await loop.indexed()
    await loop.follow()
    expect(await loop.balance("ann")).toEqual({ pending: 500n, confirmed: 0n })
    await loop.mine(1)
    await loop.follow()
    expect(await loop.balance("ann")).toEqual({ pending: 500n, confirmed: 0n })
    await loop.mine(1)
    await loop.follow()

    expect(await loop.balance("ann")).toEqual({ pending: 500n, confirmed: 500n })
    expect(await loop.balance("bob")).toEqual({ pending: 300n, confirmed: 300n })
    const [batch] = await loop.batches()
    expect(batch).toMatchObject({ state: "confirmed" })
    expect(await loop.findings()).toEqual([
      {
        type: "SettlementConfirmed",
        amount: null,
        data: expect.objectContaining({
          block_hash: batch?.block_hash,
          transaction_hash: batch?.tx_hash,
          batch_id: batch?.batch_id,
          accounts: [
            { account_id: 1, settled: "500", amount: "500" },
            { account_id: 2, settled: "300", amount: "300" },
          ],
        }),
      },
    ])
    expect(await loop.verify()).toMatchObject({ ok: true })
  })

  test("of debits and credits moves both", async () => {
    await loop.settle([
      ["ann", -200n],
      ["bob", 50n],
    ])
    await loop.confirmAll()
    expect(await loop.balance("ann")).toEqual({ pending: 300n, confirmed: 300n })
    expect(await loop.balance("bob")).toEqual({ pending: 350n, confirmed: 350n })
    expect((await loop.compare()).every(({ ledger, chain }) => ledger === chain)).toBe(true)
  })
})

describe("a transfer that no batch explains", () => {
  test("to a user is a deposit, from a user a withdrawal, between users both", async () => {
    const before = (await loop.findings()).length
    await loop.mint(await loop.addressOf("ann"), 7n)
    await loop.transferFrom(await loop.addressOf("bob"), stranger, 50n)
    await loop.transferFrom(await loop.addressOf("bob"), await loop.addressOf("ann"), 100n)
    await loop.confirmAll()

    expect(await loop.balance("ann")).toEqual({ pending: 407n, confirmed: 407n })
    expect(await loop.balance("bob")).toEqual({ pending: 200n, confirmed: 200n })
    const ann = await loop.addressOf("ann")
    const bob = await loop.addressOf("bob")
    expect((await loop.findings()).slice(before)).toMatchObject([
      { type: "DepositObserved", amount: 7n, data: { counterparty: `0x${"0".repeat(40)}` } },
      { type: "WithdrawalObserved", amount: -50n, data: { counterparty: stranger } },
      { type: "WithdrawalObserved", amount: -100n, data: { counterparty: ann } },
      { type: "DepositObserved", amount: 100n, data: { counterparty: bob } },
    ])
    expect(await loop.verify()).toMatchObject({ ok: true })
  })

  test("of nothing, to oneself or among strangers is nobody's", async () => {
    const before = (await loop.findings()).length
    const ann = await loop.addressOf("ann")
    await loop.transferFrom(ann, stranger, 0n)
    await loop.transferFrom(ann, ann, 5n)
    await loop.transferFrom(stranger, "0x00000000000000000000000000000000000057aa", 5n)
    await loop.confirmAll()
    expect((await loop.findings()).slice(before)).toEqual([])
    expect(await loop.balance("ann")).toEqual({ pending: 407n, confirmed: 407n })
  })

  test("to a user whom nobody knew yet is filled in when the account is opened", async () => {
    await loop.mint(await loop.addressOf("late"), 1_000n)
    const logs = await loop.chain.getLogs({ address: loop.token.address, fromBlock: 0n })
    const block = logs.at(-1)?.blockNumber
    await loop.mine(5)
    await loop.follow()
    const before = (await loop.findings()).length

    await loop.adjust([["late", 1n]])
    await loop.follow()
    expect((await loop.findings()).slice(before)).toMatchObject([
      { type: "DepositObserved", amount: 1_000n, data: { block_number: Number(block) } },
    ])
    expect(await loop.balance("late")).toEqual({ pending: 1_001n, confirmed: 1_000n })
    // Once: neither the blocks nor the account are looked at again.
    await loop.confirmAll()
    await loop.adjust([["late", 1n]])
    await loop.follow()
    expect(await loop.balance("late")).toEqual({ pending: 1_002n, confirmed: 1_000n })
    expect(await loop.verify()).toMatchObject({ ok: true })
  })

  test("is filled in also while the chain has new blocks all the time", async () => {
    await loop.mint(await loop.addressOf("busy"), 50n)
    await loop.mine(3)
    await loop.follow()
    await loop.adjust([["busy", 1n]])
    await loop.mine(1)
    await loop.indexed()
    expect(await loop.step()).toMatchObject({ outcome: "confirmed", events: 1 })
    expect(await loop.balance("busy")).toEqual({ pending: 51n, confirmed: 50n })
  })

  test("is filled in also while the indexer never gets to the chain's head", async () => {
    await loop.mint(await loop.addressOf("behind"), 50n)
    await loop.mine(3)
    await loop.follow()
    await loop.adjust([["behind", 1n]])
    await loop.mine(3)
    await loop.indexed()
    // As it is seen when more blocks come than the indexer can take.
    const faster = { ...loop.view, headNumber: async () => (await loop.view.headNumber()) + 100n }
    expect(await loop.step({}, faster)).toMatchObject({ outcome: "confirmed", events: 1, isBehind: true })
    expect(await loop.balance("behind")).toEqual({ pending: 51n, confirmed: 50n })
  })

  test("that was sent along with the batch of another token is one all the same", async () => {
    const along = await loop.addressOf("along")
    await loop.mint(along, 70n)
    await loop.confirmAll()
    const owner = createPool({
      databaseUrl: loop.database.ownerUrl,
      applicationName: "test",
      connectionsMax: 1,
    })
    await owner.query("SET session_replication_role = replica")
    // What a token that belongs to somebody else may log in any transaction.
    const { rowCount } = await owner.query(
      `INSERT INTO indexer_test.batch_settled_event (chain_id, block_hash, log_index, block_number, block_time, transaction_hash, token, batch_id, content_hash, minted, burned)
       SELECT chain_id, block_hash, 99, block_number, block_time, transaction_hash, '0x00000000000000000000000000000000000000bd', 1, '0x00', 0, 0
       FROM indexer_test.transfer_event WHERE "to" = $1`,
      [along],
    )
    expect(rowCount).toBe(1)
    await owner.end()
    await loop.adjust([["along", 1n]])
    await loop.follow()
    expect(await loop.balance("along")).toEqual({ pending: 71n, confirmed: 70n })
  })

  test("in the very blocks that confirm a late account's first deposit is counted once", async () => {
    const address = await loop.addressOf("both")
    await loop.mint(address, 10n)
    await loop.mine(3)
    await loop.follow()
    await loop.mint(address, 20n)
    await loop.adjust([["both", 1n]])
    await loop.confirmAll()
    expect(await loop.balance("both")).toEqual({ pending: 31n, confirmed: 30n })
  })

  test("belongs to the ledger that made the address and to no other", async () => {
    const other = await insertLedger(loop.db)
    const before = (await loop.findings()).length
    await loop.mint(await loop.addressOf("ann", other), 9n)
    await loop.confirmAll()
    expect((await loop.findings()).slice(before)).toEqual([])
  })
})

describe("a debit that the wallet cannot pay any more", () => {
  test("is deferred, its change waits, and settles when the tokens are back and no reorganisation can reach the deferral", async () => {
    await loop.settle([["dan", 100n]])
    await loop.confirmAll()
    const dan = await loop.addressOf("dan")
    const before = (await loop.findings()).length
    await loop.adjust([["dan", -60n]])
    await loop.transferFrom(dan, stranger, 100n)
    await loop.settle([["ann", 1n]])
    // Not for the first time, and not often enough to be given up.
    await loop.db.updateTable("settlement.batch_items").set({ deferrals: 1 }).execute()
    await loop.confirmAll()

    expect((await loop.findings()).slice(before)).toMatchObject([
      { type: "WithdrawalObserved", amount: -100n },
      { type: "SettlementConfirmed", data: { accounts: [{ settled: "1", amount: "1" }] } },
      { type: "SettlementDeferred", data: { accounts: [{ net: "-60", chain_balance: "0" }] } },
    ])
    expect(await loop.balance("dan")).toEqual({ pending: -60n, confirmed: 0n })
    expect((await loop.alarms()).map(({ kind }) => kind)).toContain("overdrawn")
    expect(await loop.verify()).toMatchObject({ ok: true })

    await loop.transferFrom(stranger, dan, 100n)
    await loop.confirmAll()
    await loop.adjust([["dan", 5n]])
    await loop.settle([["ann", 1n]])
    await loop.confirmAll()
    expect(await loop.balance("dan")).toEqual({ pending: 45n, confirmed: 100n })
    const sealed = (await loop.batches()).length
    await loop.mine(deferralDepthFactor * loop.followed.confirmationBlocks)
    await loop.follow()
    // Nobody tells the lane that the block is deep now.
    await waitUntil(async () => (await loop.batches()).length > sealed, { what: "the change is sealed" })
    await loop.settle([["ann", 1n]])
    await loop.confirmAll()
    expect(await loop.balance("dan")).toEqual({ pending: 45n, confirmed: 45n })
    expect(await loop.balanceOf(dan)).toBe(45n)
    expect((await loop.alarms()).map(({ kind }) => kind)).not.toContain("overdrawn")
    expect(await loop.verify()).toMatchObject({ ok: true })
  })
})

import { encodeFunctionData, type Hex, keccak256, toHex } from "viem"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { treasuryAbi } from "../../../abis/treasury.ts"
import { encodeDeltas } from "../../../ledger/domain/packed-deltas.ts"
import { createPool } from "../../../platform/postgres.ts"
import { deployTreasury, type OddToken, treasuryFunds } from "../../support/deploy-treasury.ts"
import {
  createReconciliationFixture,
  type ReconciliationFixture,
} from "../../support/reconciliation-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

// The indexer may take a minute over a block that is replaced while it reads it: see the fixture.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

const stranger = "0x00000000000000000000000000000000000057a9"

let loop: ReconciliationFixture
let token: OddToken
beforeAll(async () => {
  loop = await createReconciliationFixture({
    settlement: {
      mode: "treasury",
      decimals: 6,
      deploy: async (rpcUrl) => {
        token = await deployTreasury(rpcUrl)
        return token
      },
    },
  })
  await loop.quietSchedule()
})
afterAll(() => loop?.close())

const types = async () => (await loop.findings()).map(({ type }) => type)
const expectWhole = async () => {
  expect((await loop.compare()).filter(({ ledger, chain }) => ledger !== chain)).toEqual([])
  expect([...(await loop.settledCounts()).values()].filter((count) => count !== 1)).toEqual([])
  expect(await loop.verify()).toMatchObject({ ok: true })
}

test("a batch is confirmed by the treasury's word and the token's transfers, and reconciled without a supply", async () => {
  await loop.settle([
    ["ann", 500n],
    ["bob", 300n],
  ])
  await loop.confirmAll()
  expect(await types()).toEqual(["SettlementConfirmed"])
  expect(await loop.balance("ann")).toEqual({ pending: 500n, confirmed: 500n })
  expect(await loop.reconcile()).toMatchObject({
    drifts: [],
    accounts_compared: 2,
    supply_ledger: null,
    supply_indexer: null,
    supply_chain: null,
  })
  await expectWhole()
})

test("what users move themselves is observed, also when it comes out of the treasury", async () => {
  const before = (await types()).length
  const [ann, bob] = [await loop.addressOf("ann"), await loop.addressOf("bob")]
  await loop.transferFrom(ann, stranger, 40n)
  await loop.transferFrom(ann, bob, 10n)
  await token.callTreasury("withdraw", token.address, bob, 7n)
  await loop.confirmAll()
  expect((await types()).slice(before)).toEqual([
    "WithdrawalObserved",
    "WithdrawalObserved",
    "DepositObserved",
    "DepositObserved",
  ])
  expect(await loop.balance("ann")).toEqual({ pending: 450n, confirmed: 450n })
  expect(await loop.balance("bob")).toEqual({ pending: 317n, confirmed: 317n })
  expect(await loop.reconcile()).toMatchObject({ drifts: [] })
  await expectWhole()
})

test("what came beside a batch of another token that the treasury pays out is a late account's deposit all the same", async () => {
  const late = await loop.addressOf("late")
  await token.callTreasury("withdraw", token.address, late, 9n)
  await loop.confirmAll()
  const owner = createPool({
    databaseUrl: loop.database.ownerUrl,
    applicationName: "test",
    connectionsMax: 1,
  })
  await owner.query("SET session_replication_role = replica")
  // As one transaction with another token's settlement in it leaves it behind.
  await owner.query(`
    INSERT INTO settlement.batches SELECT (jsonb_populate_record(b, jsonb_build_object(
      'batch_sequence', 1000, 'token_id', 1000, 'batch_id', '0x' || repeat('0', 62) || 'ff'))).*
    FROM settlement.batches b LIMIT 1`)
  const { rowCount } = await owner.query(
    `INSERT INTO indexer_test.batch_settled_event (chain_id, block_hash, log_index, block_number, block_time, transaction_hash, token, batch_id, content_hash, minted, burned)
     SELECT chain_id, block_hash, 99, block_number, block_time, transaction_hash, $2, 255, '0x00', 0, 0
     FROM indexer_test.transfer_event WHERE "to" = $1`,
    [late, token.treasury],
  )
  expect(rowCount).toBe(1)
  await loop.adjust([["late", 1n]])
  await loop.follow()
  expect(await loop.balance("late")).toEqual({ pending: 10n, confirmed: 9n })
  await owner.query("DELETE FROM settlement.batches WHERE batch_sequence = 1000")
  await owner.query("DELETE FROM indexer_test.batch_settled_event WHERE log_index = 99")
  await owner.end()
})

test("a reorganisation takes the confirmation back, and the batch is paid again, once", async () => {
  const before = (await types()).length
  await loop.settle([["ann", 60n]])
  await loop.confirmAll()
  const batch = (await loop.batches()).at(-1)
  const indexed = await loop.indexed()
  await loop.rpc("anvil_reorg", Number(indexed - (batch?.block_number ?? 0n)) + 1, [])
  await loop.indexed()
  await loop.mine(3)
  await loop.follow()
  expect((await types()).slice(before, before + 2)).toEqual(["SettlementConfirmed", "ConfirmationRevoked"])
  await waitUntil(async () => (await loop.settledCounts()).size === (await loop.batches()).length, {
    what: "every batch is on the chain again",
    timeoutMs: 60_000,
  })
  await loop.confirmAll()
  expect(await loop.balance("ann")).toEqual({ pending: 510n, confirmed: 510n })
  await expectWhole()
})

test("a batch that nobody here sealed is credited to nobody, and stops the token's lane", async () => {
  const ann = await loop.addressOf("ann")
  await token.callTreasury("grantRole", keccak256(toHex("OPERATOR_ROLE")), token.admin)
  const data: Hex = encodeFunctionData({
    abi: treasuryAbi,
    functionName: "settle",
    args: [token.address, 99n, encodeDeltas([{ address: ann, amount: 5n }])],
  })
  await loop.rpc("anvil_impersonateAccount", token.admin)
  await loop.rpc("eth_sendTransaction", { from: token.admin, to: token.treasury, data, gas: "0x493e0" })
  const before = await loop.balance("ann")
  await loop.confirmAll()
  expect(await loop.balance("ann")).toEqual(before)
  const lane = await loop.db.selectFrom("settlement.lanes").selectAll().executeTakeFirstOrThrow()
  expect(lane).toMatchObject({ paused_by: "foreign", paused_reason: expect.stringContaining(token.treasury) })
  expect((await loop.reconcile()).drifts).toEqual([["ann", 510n, 515n, 515n, "unknown"]])
  expect(await loop.balanceOf(token.treasury)).toBe(treasuryFunds - 500n - 300n - 7n - 9n - 1n - 60n - 5n)
})

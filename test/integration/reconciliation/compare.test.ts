import { sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import {
  createReconciliationFixture,
  type ReconciliationFixture,
} from "../../support/reconciliation-fixture.ts"
import { insertLedger } from "../../support/test-ledger.ts"

const stranger = `0x${"5f".repeat(20)}` as const

let loop: ReconciliationFixture
beforeAll(async () => {
  loop = await createReconciliationFixture()
  await loop.quietSchedule()
  await loop.settleAndConfirm([
    ["alice", 100n],
    ["bob", 50n],
  ])
})
afterAll(() => loop?.close())

const tilt = (user: string, by: bigint) =>
  sql`
    UPDATE ledger.balances b SET confirmed = confirmed + ${by} FROM ledger.accounts a
    WHERE a.ledger_id = b.ledger_id AND a.account_id = b.account_id AND a.user_id = ${user} AND a.ledger_id = ${loop.ledgerId}`.execute(
    loop.db,
  )
const setThreshold = (baseUnits: bigint) =>
  loop.db.updateTable("registry.tokens").set({ drift_threshold: baseUnits }).execute()
const driftAlarms = async () => (await loop.alarms()).filter(({ kind }) => kind === "drift")

test("what is equal has no difference, in any account and in sum, at the confirmed block", async () => {
  const run = await loop.reconcile()
  const cursor = await loop.db.selectFrom("ledger.chain_cursors").selectAll().executeTakeFirstOrThrow()
  expect(run).toMatchObject({
    state: "finished",
    drifts: [],
    accounts_compared: 2,
    block_number: cursor.block_number,
    block_hash: cursor.block_hash,
    supply_ledger: 150n,
    supply_indexer: 150n,
    supply_chain: 150n,
    supply_elsewhere: 0n,
    error: null,
  })
  const head = await loop.db.selectFrom("ledger.head").select("position").executeTakeFirstOrThrow()
  expect(run.position).toBe(head.position)
})

test("what strangers hold is part of the supply on every side", async () => {
  await loop.mint(stranger, 30n)
  await loop.confirmAll()
  expect(await loop.reconcile()).toMatchObject({
    drifts: [],
    supply_ledger: 180n,
    supply_indexer: 180n,
    supply_chain: 180n,
    supply_elsewhere: 30n,
  })
})

test("what happens above the confirmed block is not compared", async () => {
  await loop.mint(await loop.addressOf("alice"), 5n)
  await loop.indexed()
  expect(await loop.reconcile()).toMatchObject({ drifts: [], supply_indexer: 180n, supply_chain: 180n })
  await loop.confirmAll()
  expect(await loop.balance("alice")).toMatchObject({ confirmed: 105n })
  expect(await loop.reconcile()).toMatchObject({ drifts: [], supply_ledger: 185n, supply_chain: 185n })
})

test("a ledger that is off is told by account and in sum, of no known cause", async () => {
  await tilt("alice", 7n)
  const run = await loop.reconcile()
  expect(run.drifts).toEqual([
    ["alice", 112n, 105n, 105n, "unknown"],
    ["supply", 192n, 185n, 185n, "unknown"],
  ])
  expect(await loop.reconcile({ userId: "alice" })).toMatchObject({
    accounts_compared: 1,
    supply_ledger: null,
    drifts: [["alice", 112n, 105n, 105n, "unknown"]],
  })
  expect(await loop.reconcile({ userId: "bob" })).toMatchObject({ accounts_compared: 1, drifts: [] })
  await tilt("alice", -7n)
})

test("two accounts that are off by the same do not hide each other", async () => {
  await tilt("alice", 9n)
  await tilt("bob", -9n)
  expect((await loop.reconcile()).drifts).toEqual([
    ["alice", 114n, 105n, 105n, "unknown"],
    ["bob", 41n, 50n, 50n, "unknown"],
  ])
  await tilt("alice", -9n)
  await tilt("bob", 9n)
})

test("transfers that the indexer lost are a gap of the indexer, of an account or of a stranger", async () => {
  const bob = await loop.addressOf("bob")
  await loop.tamper("CREATE TABLE public.kept AS SELECT * FROM indexer_test.transfer_event")
  await loop.tamper(`DELETE FROM indexer_test.transfer_event WHERE "to" = $1`, [bob])
  expect((await loop.reconcile()).drifts).toEqual([
    ["bob", 50n, 0n, 50n, "indexer_gap"],
    ["supply", 185n, 135n, 185n, "indexer_gap"],
  ])
  expect((await loop.reconcile({ userId: "bob" })).drifts).toEqual([["bob", 50n, 0n, 50n, "indexer_gap"]])
  await loop.tamper(
    "INSERT INTO indexer_test.transfer_event SELECT * FROM public.kept ON CONFLICT DO NOTHING",
  )
  await loop.tamper(`DELETE FROM indexer_test.transfer_event WHERE "to" = $1`, [stranger])
  expect((await loop.reconcile()).drifts).toEqual([["supply", 155n, 155n, 185n, "indexer_gap"]])
  await loop.tamper(
    "INSERT INTO indexer_test.transfer_event SELECT * FROM public.kept ON CONFLICT DO NOTHING",
  )
  expect((await loop.reconcile()).drifts).toEqual([])
})

test("an alarm is raised above the token's threshold only, and cleared by a complete run without such a drift", async () => {
  await tilt("alice", 7n)
  await setThreshold(7n)
  expect((await loop.reconcile()).drifts).toHaveLength(2)
  expect(await driftAlarms()).toEqual([])
  await setThreshold(6n)
  await loop.reconcile({ userId: "alice" })
  expect(await driftAlarms()).toMatchObject([{ subject: `${loop.ledgerId}:${loop.tokenId}` }])
  const run = await loop.reconcile()
  const [alarm] = await driftAlarms()
  expect(alarm?.message).toContain(run.run_id)
  expect(alarm?.message).toContain("of 1 accounts and of the supply")
  await tilt("alice", -7n)
  await loop.reconcile({ userId: "alice" })
  expect(await driftAlarms()).toHaveLength(1)
  await loop.reconcile()
  expect(await driftAlarms()).toEqual([])
  await setThreshold(0n)
})

test("a run waits for the past of accounts that were opened before it, and compares them", async () => {
  await loop.mint(await loop.addressOf("late"), 3n)
  await loop.confirmAll()
  await loop.adjust([["late", 1n]])
  const runId = await loop.ask()
  const worker = loop.work()
  await expect
    .poll(() => worker.status().waiting_for)
    .toBe("the chain's past of 1 new accounts is not confirmed yet")
  expect(await loop.run(runId)).toMatchObject({ state: "requested" })
  await loop.follow()
  expect(await loop.result(runId)).toMatchObject({ accounts_compared: 3, drifts: [], supply_chain: 188n })
  expect(await loop.balance("late")).toMatchObject({ confirmed: 3n })
  await worker.stop()
})

test("accounts that are opened after a run began keep it from nothing", async () => {
  await loop.adjust([["first", 1n]])
  const runId = await loop.ask()
  const worker = loop.work()
  await expect.poll(() => worker.status().waiting_for).toContain("1 new accounts")
  await loop.db
    .updateTable("ledger.address_scans")
    .set((eb) => ({ position: eb.selectFrom("ledger.head").select("position") }))
    .execute()
  await loop.adjust([["second", 1n]])
  expect(await loop.result(runId)).toMatchObject({ accounts_compared: 4, drifts: [] })
  await worker.stop()
})

test("a run holds nothing of another ledger, neither its accounts nor its differences", async () => {
  const other = await insertLedger(loop.db)
  const address = await loop.addressOf("alice", other)
  await loop.mint(address, 40n)
  await loop.confirmAll()
  await sql`
    INSERT INTO ledger.accounts (ledger_id, account_id, user_id, token_id, address, opened_position)
    VALUES (${other}, 1, 'alice', ${loop.tokenId}, ${address}, 0)`.execute(loop.db)
  await sql`
    INSERT INTO ledger.balances (ledger_id, account_id, pending, confirmed, locked, position, changed_at)
    VALUES (${other}, 1, 1000, 1000, 0, 0, now())`.execute(loop.db)
  const ours = await loop.reconcile()
  expect(ours).toMatchObject({ drifts: [], supply_ledger: 228n, supply_chain: 228n, supply_elsewhere: 70n })
  const theirs = await loop.reconcile({ ledgerId: other })
  expect(theirs).toMatchObject({ accounts_compared: 1, supply_chain: 228n, supply_elsewhere: 188n })
  expect(theirs.drifts).toEqual([
    ["alice", 1000n, 40n, 40n, "unknown"],
    ["supply", 1188n, 228n, 228n, "unknown"],
  ])
  expect((await loop.reconcile()).drifts).toEqual([])
  expect((await driftAlarms()).map(({ subject }) => subject)).toEqual([`${other}:${loop.tokenId}`])
})

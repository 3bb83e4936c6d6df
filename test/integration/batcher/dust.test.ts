import { afterEach, beforeEach, expect, it } from "vitest"
import { closeDeadLetter } from "../../../ledger/dead-letters/close-dead-letter.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

let fixture: SettlementFixture
beforeEach(async () => {
  fixture = await createSettlementFixture()
  await holdDustFor(60_000)
  fixture.run()
})
afterEach(() => fixture.close())

async function holdDustFor(maxWaitMs: number): Promise<void> {
  const strategy = {
    ...fixture.strategy,
    max_wait_time_ms: 200,
    pending_alarm_ms: 300,
    dust: { threshold: "0.00000000000000001", max_wait_ms: maxWaitMs },
  }
  await fixture.db
    .updateTable("registry.tokens")
    .set({ strategy: JSON.stringify(strategy) })
    .execute()
}

/** Whom each batch paid, in the order of the batches. */
async function paid(count: number): Promise<string[][]> {
  await fixture.batchesIn("mined", count)
  const rows = await fixture.db
    .selectFrom("settlement.batch_accounts as b")
    .innerJoin("ledger.accounts as a", "a.account_id", "b.account_id")
    .select(["b.batch_sequence", "a.user_id"])
    .orderBy("a.user_id")
    .execute()
  return Array.from({ length: count }, (_, index) =>
    rows.filter((row) => row.batch_sequence === BigInt(index + 1)).map((row) => row.user_id),
  )
}

it("a small credit to somebody new waits for more of it, without an alarm, and nothing of it is lost", async () => {
  await fixture.adjust([
    ["ann", 5n],
    ["bob", 50n],
  ])
  expect(await paid(1)).toEqual([["bob"]])
  const { deadline, recorded_at } = await fixture.db
    .selectFrom("settlement.batch_items")
    .select(["deadline", "recorded_at"])
    .where("state", "=", "waiting")
    .executeTakeFirstOrThrow()
  expect(deadline.getTime() - recorded_at.getTime()).toBe(60_000)
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  expect(await fixture.alarms()).toEqual([])
  await fixture.adjust([["ann", 6n]])
  expect(await paid(2)).toEqual([["bob"], ["ann"]])
  expect((await fixture.batches())[1]).toMatchObject({ trigger: "max_wait_time", changes: 2 })
  expect(await fixture.compare()).toEqual([
    { user: "ann", ledger: 11n, chain: 11n },
    { user: "bob", ledger: 50n, chain: 50n },
  ])
})

it("it goes when its time is over, or when a request will not wait", async () => {
  await holdDustFor(4_000)
  await fixture.adjust([["ann", 5n]])
  await fixture.adjust([["bob", 5n]], { maxWaitMs: 100 })
  expect(await paid(2)).toEqual([["bob"], ["ann"]])
  const batch = (await fixture.batches())[1]
  expect(batch).toMatchObject({ trigger: "max_wait_time", recipients: 1 })
  const waitedMs = (batch?.sealed_at.getTime() ?? 0) - (batch?.oldest_change_at.getTime() ?? 0)
  expect(waitedMs).toBeGreaterThanOrEqual(4_000)
  expect(waitedMs).toBeLessThan(15_000)
})

it("who was paid once waits no longer than others", async () => {
  await fixture.adjust([["bob", 50n]])
  await paid(1)
  await fixture.confirm()
  await fixture.adjust([["bob", 1n]])
  const [, batch] = await waitUntil(
    async () => {
      const batches = await fixture.batches()
      return batches.length === 2 && batches
    },
    { what: "there is a second batch" },
  )
  const waitedMs = (batch?.sealed_at.getTime() ?? 0) - (batch?.oldest_change_at.getTime() ?? 0)
  expect(waitedMs).toBeLessThan(20_000)
})

it("what somebody has tried again from the dead letters goes at once", async () => {
  await fixture.adjust([["ann", 5n]])
  const { ledgerId, tokenId, db } = fixture
  const items = () => db.selectFrom("settlement.batch_items").selectAll().execute()
  await waitUntil(async () => (await items()).length === 1, { what: "the change is taken in" })
  const letter = await db
    .insertInto("settlement.dead_letters")
    .values({
      ledger_id: ledgerId,
      token_id: tokenId,
      account_id: 1n,
      through_position: 1n,
      reason: "refused",
      opened_at: new Date(),
    })
    .returning("dead_letter_id")
    .executeTakeFirstOrThrow()
  await closeDeadLetter(db, {
    ledgerId,
    deadLetterId: letter.dead_letter_id,
    outcome: "retried",
    requestedBy: "test",
    at: new Date(),
  })
  expect(await paid(1)).toEqual([["ann"]])
  expect((await fixture.batches())[0]).toMatchObject({ trigger: "priority" })
})

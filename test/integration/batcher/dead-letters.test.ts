import { afterEach, beforeEach, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { closeDeadLetter } from "../../../ledger/dead-letters/close-dead-letter.ts"
import { leaveRoom, makeRoom } from "../../support/leave-room.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

let fixture: SettlementFixture
beforeEach(async () => {
  fixture = await createSettlementFixture()
})
afterEach(() => fixture.close())

const letters = () =>
  fixture.db.selectFrom("settlement.dead_letters").selectAll().orderBy("dead_letter_id").execute()

const close = async (how: { outcome: "retried" } | { outcome: "discarded"; reason: string }) => {
  const [letter] = await letters()
  return closeDeadLetter(fixture.db, {
    ledgerId: fixture.ledgerId,
    deadLetterId: letter?.dead_letter_id ?? 0n,
    requestedBy: "test",
    at: new Date(),
    ...how,
  })
}

/** The first one is taken apart. */
const secondMined = () =>
  waitUntil(
    async () => {
      const [first, second] = await fixture.batches()
      return first?.state === "dead_letter" && second?.state === "mined" && second
    },
    { what: "the second batch is mined" },
  )

const verify = () => verifyLedger(fixture.db, fixture.ledgerId)

it("settles the others without the account that the token refuses, which waits for a person", async () => {
  await leaveRoom(fixture, 10_000n)
  fixture.run()
  await fixture.adjust([
    ["ann", 100n],
    ["bob", 20_000n],
    ["cleo", 5n],
    ["bob", 1n],
  ])
  await fixture.flush()
  // The flush is over when nothing waits any more, which nobody may have seen before the first batch was taken apart.
  const trigger = expect.stringMatching(/^(?:flush|max_wait_time)$/)
  expect(await secondMined()).toMatchObject({ recipients: 2, changes: 2, trigger })
  expect(await letters()).toMatchObject([
    { batch_sequence: 1n, reason: "SupplyOverflow()", outcome: null, through_position: 7n },
  ])
  expect((await fixture.compare()).map(({ user, chain }) => [user, chain])).toEqual([
    ["ann", 100n],
    ["bob", 0n],
    ["cleo", 5n],
  ])
  // What comes later of the same user waits behind it, whatever a flush wants.
  await fixture.adjust([["bob", 2n]])
  await fixture.flush()
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect(await fixture.batches()).toHaveLength(2)
  expect(await verify()).toMatchObject({ ok: true })

  await makeRoom(fixture, 50_000n)
  expect(await close({ outcome: "retried" })).toEqual({ closed: true })
  await waitUntil(async () => (await fixture.compare()).every(({ ledger, chain }) => ledger === chain), {
    what: "all is settled",
  })
  expect(await close({ outcome: "retried" })).toMatchObject({ refused: "DEAD_LETTER_CLOSED" })
  expect(await verify()).toMatchObject({ ok: true })
  expect(await fixture.alarms()).toEqual([])
})

it("takes what is discarded out of the balance, unless it was spent, and settles the rest of the account", async () => {
  await leaveRoom(fixture, 10_000n)
  fixture.run()
  await fixture.adjust([["bob", 20_000n]])
  await fixture.flush()
  await waitUntil(async () => (await letters()).length === 1, { what: "bob is in the dead letters" })
  expect((await fixture.alarms()).map(({ kind }) => kind)).toEqual(["dead_letters"])
  await fixture.adjust([["bob", -4_000n]])
  expect(await close({ outcome: "discarded", reason: "too much" })).toEqual({
    refused: "INSUFFICIENT_BALANCE",
    availableBaseUnits: 16_000n,
  })
  await fixture.adjust([["bob", 5_000n]])
  expect(await close({ outcome: "discarded", reason: "too much" })).toEqual({ closed: true })
  expect(await close({ outcome: "discarded", reason: "again" })).toMatchObject({
    refused: "DEAD_LETTER_CLOSED",
    outcome: "discarded",
  })
  await fixture.flush()
  await secondMined()
  expect(await fixture.compare()).toEqual([{ user: "bob", ledger: 1_000n, chain: 1_000n }])
  expect(await verify()).toMatchObject({ ok: true })
  expect(await fixture.alarms()).toEqual([])
})

it("holds nobody responsible for a token that refuses everybody", async () => {
  await fixture.token.callAsAdmin("pause")
  fixture.run()
  await fixture.adjust([
    ["ann", 100n],
    ["bob", 2n],
  ])
  await fixture.flush()
  await waitUntil(async () => ((await fixture.batches())[0]?.failures ?? 0) >= 2, {
    what: "it was tried twice",
  })
  expect(await letters()).toEqual([])
  expect(await fixture.batches()).toMatchObject([{ state: "sealed", recipients: 2 }])
})

it("never takes a batch apart that was signed once, and gives none a nonce that was taken apart", async () => {
  await leaveRoom(fixture, 10_000n)
  fixture.run()
  await fixture.adjust([
    ["ann", 100n],
    ["bob", 20_000n],
  ])
  await fixture.flush()
  await secondMined()
  const { db, ledgerId } = fixture
  const setDissolved = db
    .updateTable("settlement.batches")
    .set({ state: "dead_letter", dissolved_position: 1n })
    .where("batch_sequence", "=", 2n)
  await expect(setDissolved.execute()).rejects.toThrow("has a nonce and cannot be taken apart")
  const [nonce] = await db.selectFrom("settlement.nonces").selectAll().execute()
  const insert = db.insertInto("settlement.nonces").values({
    chain_id: fixture.chainId,
    signer: nonce?.signer ?? "",
    nonce: 99n,
    ledger_id: ledgerId,
    batch_sequence: 1n,
    tree_size: null,
    reserved_at: new Date(),
    spent_in_vain_at: null,
  })
  await expect(insert.execute()).rejects.toThrow("was taken apart and gets no nonce")
})

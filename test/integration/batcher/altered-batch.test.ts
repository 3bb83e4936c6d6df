import { keccak256 } from "viem"
import { afterEach, beforeEach, expect, it } from "vitest"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

let fixture: SettlementFixture
beforeEach(async () => {
  fixture = await createSettlementFixture()
})
afterEach(() => fixture.close())

/** Has the batch pay a stranger, as somebody with the database could. */
async function alterDeltas(): Promise<Buffer | undefined> {
  const [batch] = await fixture.batches()
  const stranger = Buffer.from(`${"66".repeat(20)}000000000000000000000fff`, "hex")
  await fixture.db.updateTable("settlement.batches").set({ deltas: stranger }).execute()
  return batch?.deltas
}

const isPaused = async () => {
  const [lane] = await fixture.db.selectFrom("settlement.lanes").selectAll().execute()
  return /not those that were sealed/.test(lane?.paused_reason ?? "")
}

it("signs nothing for a batch whose deltas were changed, and stops its lane", async () => {
  await fixture.adjust([["ann", 7n]])
  await fixture.flush()
  await fixture.spawn({ dieAt: "simulated" }).ended
  const sealed = await alterDeltas()
  fixture.run()
  await waitUntil(isPaused, { what: "the lane is paused", describe: fixture.batches })
  expect((await fixture.alarms()).map(({ kind, ledger_id }) => [kind, ledger_id]).sort()).toEqual([
    ["batch_altered", fixture.ledgerId],
    ["lane_paused", fixture.ledgerId],
  ])
  expect(await fixture.transactions()).toEqual([])
  expect(await fixture.settledCounts()).toEqual(new Map())

  await fixture.db.updateTable("settlement.batches").set({ deltas: sealed }).execute()
  await fixture.resume()
  await fixture.batchesIn("mined", 1)
  expect(await fixture.compare()).toMatchObject([{ ledger: 7n, chain: 7n }])
})

it("is not deceived by a content hash that was changed along with them", async () => {
  await fixture.adjust([["ann", 7n]])
  await fixture.flush()
  await fixture.spawn({ dieAt: "simulated" }).ended
  await alterDeltas()
  const [batch] = await fixture.batches()
  const hash = keccak256(`0x${batch?.deltas.toString("hex")}`)
  await fixture.db.updateTable("settlement.batches").set({ content_hash: hash }).execute()
  fixture.run()
  await waitUntil(isPaused, { what: "the lane is paused", describe: fixture.batches })
  expect(await fixture.transactions()).toEqual([])
})

it("signs nothing under another id than was sealed: the token would take both", async () => {
  await fixture.adjust([["ann", 7n]])
  await fixture.flush()
  await fixture.spawn({ dieAt: "simulated" }).ended
  const [batch] = await fixture.batches()
  const setId = (batchId: string | undefined) =>
    fixture.db.updateTable("settlement.batches").set({ batch_id: batchId }).execute()
  await setId(`0x${"5".repeat(64)}`)
  fixture.run()
  await waitUntil(isPaused, { what: "the lane is paused", describe: fixture.batches })
  expect(await fixture.transactions()).toEqual([])
  await setId(batch?.batch_id)
  await fixture.resume()
  await fixture.batchesIn("mined", 1)
  expect([...(await fixture.settledCounts()).keys()]).toEqual([batch?.batch_id])
})

it("fills the nonce that such a batch had reserved, so that it strands nobody else's", async () => {
  await fixture.adjust([["ann", 7n]])
  await fixture.flush()
  await fixture.spawn({ dieAt: "reserved" }).ended
  const sealed = await alterDeltas()
  fixture.run()
  await waitUntil(isPaused, { what: "the lane is paused", describe: fixture.batches })
  await waitUntil(async () => (await fixture.transactions()).length === 1, { what: "the nonce is filled" })
  expect(await fixture.settledCounts()).toEqual(new Map())
  await fixture.db.updateTable("settlement.batches").set({ deltas: sealed }).execute()
  await fixture.resume()
  await fixture.batchesIn("mined", 1)
  expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n, 1n])
  expect(await fixture.compare()).toMatchObject([{ ledger: 7n, chain: 7n }])
})

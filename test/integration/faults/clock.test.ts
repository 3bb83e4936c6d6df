import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import type { LedgerCommand } from "../../../ledger/domain/commands.ts"
import { runHoldExpiry } from "../../../ledger/holds/run-hold-expiry.ts"
import { runLedgerWatch } from "../../../ledger/run-ledger-watch.ts"
import { findPosition } from "../../../ledger/store/find-position.ts"
import { createLedgerWriter, type LedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import { captureHoldCommand, placeHoldCommand } from "../../support/hold-commands.ts"
import { adjustCommand, createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"

const hourMs = 3_600_000
const start = Date.parse("2026-03-01T12:00:00.000Z")

let ledger: TestLedger
let ledgerId: string
let clockMs: number
let writer: LedgerWriter
beforeAll(async () => {
  ledger = await createTestLedger()
})
afterAll(() => ledger?.close())
beforeEach(async () => {
  clockMs = start
  ledgerId = await insertLedger(ledger.db)
  writer = createLedgerWriter({
    db: ledger.db,
    writerPool: ledger.writerPool,
    ledgerId,
    tokens: createTokenDirectory(ledger.db, ledgerId),
    logger: createLogger("test", "silent"),
    now: () => new Date(clockMs),
  })
})

async function record(command: LedgerCommand): Promise<{ position: bigint; recordedAt: Date }> {
  const result = await writer.execute(command)
  if (result.outcome !== "recorded") throw new Error(`not recorded: ${result.outcome}`)
  return result.operation
}

const credit = (id: string) => record(adjustCommand(ledger.tokenId, id, [["ann", 10n]]))
const at = (ms: number) => new Date(ms)

async function recordedTimes(): Promise<number[]> {
  const rows = await ledger.db
    .selectFrom("ledger.event_log")
    .select("recorded_at")
    .where("ledger_id", "=", ledgerId)
    .orderBy("position")
    .execute()
  return rows.map(({ recorded_at }) => recorded_at.getTime())
}

it("goes back, jumps ahead and goes back again: the log's time stands still instead, and points in time stay what they were", async () => {
  const first = await credit("first")
  expect(first.recordedAt).toEqual(at(start))
  clockMs = start - 24 * hourMs
  const back = await credit("back")
  expect(back.recordedAt).toEqual(at(start))
  clockMs = start + 24 * hourMs
  const ahead = await credit("ahead")
  expect(ahead.recordedAt).toEqual(at(clockMs))
  clockMs = start + hourMs
  const again = await credit("again")
  expect(again.recordedAt).toEqual(at(start + 24 * hourMs))
  clockMs = start + 25 * hourMs
  const last = await credit("last")
  expect(last.recordedAt).toEqual(at(clockMs))

  const times = await recordedTimes()
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  const { recorded_at: headAt } = await ledger.db
    .selectFrom("ledger.head")
    .select("recorded_at")
    .where("ledger_id", "=", ledgerId)
    .executeTakeFirstOrThrow()
  expect(headAt).toEqual(last.recordedAt)
  const positionAt = async (ms: number) =>
    findPosition(ledger.db, ledgerId, { time: at(ms) }, at(start + 48 * hourMs))
  expect(await positionAt(start - 1)).toMatchObject({ position: 0n })
  expect(await positionAt(start + hourMs)).toMatchObject({ position: back.position })
  expect(await positionAt(start + 24 * hourMs)).toMatchObject({ position: again.position })
  expect(await positionAt(start + 30 * hourMs)).toMatchObject({ position: last.position })
  expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
})

it("goes back in one of two processes: what that one records carries the time of the other", async () => {
  const other = createLedgerWriter({
    db: ledger.db,
    writerPool: ledger.writerPool,
    ledgerId,
    tokens: createTokenDirectory(ledger.db, ledgerId),
    logger: createLogger("test", "silent"),
    now: () => new Date(start - hourMs),
  })
  for (let round = 0; round < 5; round += 1) {
    clockMs += 1_000
    await credit(`ahead-${round}`)
    await other.execute(adjustCommand(ledger.tokenId, `behind-${round}`, [["ann", 1n]]))
  }
  const times = await recordedTimes()
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(times.at(-1)).toBe(clockMs)
  expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
})

it("does not bring an expired hold back, and takes a hold's time from the log", async () => {
  await credit("funds")
  const hold = await record(placeHoldCommand(ledger.tokenId, "hold", "ann", 4n, { inMs: hourMs }))
  clockMs = start + 2 * hourMs
  const capture = captureHoldCommand("capture", hold.position)
  expect(await writer.execute(capture)).toMatchObject({
    outcome: "refused",
    refusal: { refused: "HOLD_ENDED", end: { how: "expired" } },
  })
  // Somebody records something, and the clock goes back to when the hold was open.
  await credit("meanwhile")
  clockMs = start + hourMs / 2
  expect(await writer.execute(capture)).toMatchObject({
    outcome: "refused",
    refusal: { refused: "HOLD_ENDED", end: { how: "expired", at: at(start + hourMs) } },
  })
  // What is held now lasts as long as it was asked for, counted from the log's time.
  const second = await record(placeHoldCommand(ledger.tokenId, "second", "ann", 4n, { inMs: hourMs }))
  expect(second.recordedAt).toEqual(at(start + 2 * hourMs))
  clockMs = start + 2.5 * hourMs
  await record(captureHoldCommand("capture-second", second.position))
  expect(
    await writer.execute(placeHoldCommand(ledger.tokenId, "past", "ann", 1n, { at: at(start + 2 * hourMs) })),
  ).toMatchObject({ outcome: "refused", refusal: { refused: "EXPIRY_PASSED" } })
  expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
})

it("is far ahead: nothing is recorded further ahead of the database than processes' clocks may differ", async () => {
  clockMs = Date.now() + 24 * hourMs
  const began = Date.now()
  for (let round = 0; round < 3; round += 1) {
    const { recordedAt } = await credit(`ahead-${round}`)
    expect(recordedAt.getTime()).toBeGreaterThanOrEqual(began)
    expect(recordedAt.getTime()).toBeLessThan(Date.now() + 6_000)
  }
})

it("was ahead once: somebody is told until that time has come, and what has expired by it is given back", async () => {
  clockMs = Date.now()
  await credit("funds")
  const hold = await record(placeHoldCommand(ledger.tokenId, "hold", "ann", 4n, { inMs: 10 * 60_000 }))
  // As a version left it that believed its own clock, or a database whose clock was set back.
  const moveHead = (recordedAt: Date) =>
    ledger.db
      .updateTable("ledger.head")
      .set({ recorded_at: recordedAt })
      .where("ledger_id", "=", ledgerId)
      .execute()
  await moveHead(new Date(Date.now() + hourMs))
  expect(await writer.execute(captureHoldCommand("capture", hold.position))).toMatchObject({
    refusal: { refused: "HOLD_ENDED" },
  })
  const logger = createLogger("test", "silent")
  const loops = [
    runHoldExpiry({ db: ledger.db, logger }),
    runLedgerWatch({ db: ledger.db, logger, pollMs: 50 }),
  ]
  const alarms = () =>
    ledger.db
      .selectFrom("registry.alarms")
      .select(["kind", "message"])
      .where("subject", "=", ledgerId)
      .where("cleared_at", "is", null)
      .execute()
  try {
    await waitUntil(async () => (await alarms()).length > 0, { what: "somebody is told" })
    expect(await alarms()).toMatchObject([
      { kind: "clock_ahead", message: expect.stringContaining("has not come yet") },
    ])
    const states = () =>
      ledger.db.selectFrom("ledger.holds").select("state").where("ledger_id", "=", ledgerId).execute()
    await waitUntil(async () => (await states())[0]?.state === "expired", {
      what: "the hold is given back",
      describe: states,
    })
    await moveHead(new Date())
    await waitUntil(async () => (await alarms()).length === 0, { what: "the alarm is cleared" })
  } finally {
    for (const loop of loops) await loop.stop()
  }
})

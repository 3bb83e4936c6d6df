import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { expireHolds } from "../../../ledger/holds/expire-holds.ts"
import { runHoldExpiry } from "../../../ledger/holds/run-hold-expiry.ts"
import { createLedgerWriter, type LedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import { closeGate } from "../../support/database-gate.ts"
import {
  captureHoldCommand,
  placeHoldCommand,
  releaseHoldCommand,
  reverseCommand,
} from "../../support/hold-commands.ts"
import { adjustCommand, createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
})
afterAll(() => ledger.close())

const logger = createLogger("test", "silent")
const hour = 3_600_000
const noon = new Date("2020-01-01T12:00:00Z")
const later = (ms: number): Date => new Date(noon.getTime() + ms)

/** A ledger in which it is noon, and ann has 100. */
async function ledgerAtNoon() {
  const ledgerId = await insertLedger(ledger.db)
  const clock = { now: noon }
  const writer = createLedgerWriter({
    ...ledger,
    ledgerId,
    tokens: createTokenDirectory(ledger.db, ledgerId),
    logger,
    now: () => clock.now,
  })
  await writer.execute(adjustCommand(ledger.tokenId, "fund", [["ann", 100n]]))
  return { ledgerId, writer, clock }
}

const place = (operationId: string, amount: bigint, expiry?: { inMs: number } | { at: Date }) =>
  placeHoldCommand(ledger.tokenId, operationId, "ann", amount, expiry)

async function placed(writer: LedgerWriter, operationId: string, amount: bigint): Promise<bigint> {
  const result = await writer.execute(place(operationId, amount, { inMs: hour }))
  if (result.outcome !== "recorded") throw new Error(JSON.stringify(result))
  return result.operation.position
}

const figures = async (ledgerId: string) => {
  const { pending, locked } = await ledger.db
    .selectFrom("ledger.balances")
    .select(["pending", "locked"])
    .where("ledger_id", "=", ledgerId)
    .where("account_id", "=", 1n)
    .executeTakeFirstOrThrow()
  return [pending, locked]
}
const stateOf = async (ledgerId: string, position: bigint) =>
  (
    await ledger.db
      .selectFrom("ledger.holds")
      .select("state")
      .where("ledger_id", "=", ledgerId)
      .where("position", "=", position)
      .executeTakeFirstOrThrow()
  ).state

describe("a group", () => {
  it("carries holds and balances along: what one of its commands does, the next one sees", async () => {
    const { ledgerId, writer } = await ledgerAtNoon()
    // The first has a group of its own; the rest wait for it and make up the next one.
    const results = await Promise.all([
      writer.execute(adjustCommand(ledger.tokenId, "first", [["ann", -1n]])),
      writer.execute(place("hold-60", 60n)),
      writer.execute(place("hold-40", 40n)),
      writer.execute(adjustCommand(ledger.tokenId, "spend", [["ann", -39n]])),
      // Nobody can know its position yet; guessed all the same, it is there.
      writer.execute(captureHoldCommand("guess", 4n, 20n)),
      writer.execute(captureHoldCommand("again", 4n)),
      writer.execute(place("hold-40-again", 40n)),
    ])
    expect(
      results.map((result) => (result.outcome === "refused" ? result.refusal : result.outcome)),
    ).toMatchObject([
      "recorded",
      "recorded",
      { refused: "INSUFFICIENT_BALANCE", availableBaseUnits: 39n },
      "recorded",
      "recorded",
      { refused: "HOLD_ENDED", end: { how: "captured", at: noon } },
      "recorded",
    ])
    expect(await figures(ledgerId)).toEqual([40n, 40n])
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
  })

  it("ends a hold once, and reverses an adjustment once, however many of its commands ask", async () => {
    const { ledgerId, writer } = await ledgerAtNoon()
    const hold = await placed(writer, "hold", 10n)
    const spent = await writer.execute(adjustCommand(ledger.tokenId, "spend", [["ann", -5n]]))
    const position = spent.outcome === "recorded" ? spent.operation.position : 0n
    const results = await Promise.all([
      writer.execute(adjustCommand(ledger.tokenId, "before", [["ann", 1n]])),
      writer.execute(captureHoldCommand("c-1", hold)),
      writer.execute(captureHoldCommand("c-2", hold)),
      writer.execute(releaseHoldCommand("r-1", hold)),
      writer.execute(reverseCommand("u-1", position)),
      writer.execute(reverseCommand("u-2", position)),
    ])
    expect(results.map(({ outcome }) => outcome)).toEqual([
      "recorded",
      "recorded",
      "refused",
      "refused",
      "recorded",
      "refused",
    ])
    expect(results[5]).toMatchObject({ refusal: { refused: "ALREADY_REVERSED" } })
    expect(await figures(ledgerId)).toEqual([91n, 0n])
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
  })

  it("answers a retry from the log as it did the first time", async () => {
    const { writer } = await ledgerAtNoon()
    const hold = await placed(writer, "hold", 10n)
    for (const command of [
      place("hold-2", 7n, { inMs: hour }),
      captureHoldCommand("c", hold, 4n),
      reverseCommand("u", 2n),
    ]) {
      const first = await writer.execute(command)
      expect(first).toMatchObject(
        command.kind === "ReverseAdjustment" ? { outcome: "refused" } : { outcome: "recorded" },
      )
      if (first.outcome === "recorded")
        expect(await writer.execute(command)).toEqual({ ...first, isReplay: true })
    }
    const spent = await writer.execute(adjustCommand(ledger.tokenId, "spend", [["ann", -5n]]))
    const undo = reverseCommand("u", spent.outcome === "recorded" ? spent.operation.position : 0n)
    const undone = await writer.execute(undo)
    expect(await writer.execute(undo)).toEqual({ ...undone, isReplay: true })
  })
})

describe("expiry", () => {
  it("gives the money back when the time is over, and not before", async () => {
    const { ledgerId, writer } = await ledgerAtNoon()
    const hold = await placed(writer, "hold", 100n)
    expect(await expireHolds(ledger.db, ledgerId, [hold], later(hour - 1))).toBe(0)
    expect(await figures(ledgerId)).toEqual([100n, 100n])
    expect(await expireHolds(ledger.db, ledgerId, [hold], later(hour))).toBe(1)
    expect(await figures(ledgerId)).toEqual([100n, 0n])
    expect(await expireHolds(ledger.db, ledgerId, [hold], later(hour))).toBe(0)
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
  })

  it("loses to a capture that holds the head: it looks again and finds the hold ended", async () => {
    const { ledgerId, writer } = await ledgerAtNoon()
    const hold = await placed(writer, "hold", 30n)
    const gate = await closeGate(ledger.database.ownerUrl, { table: "ledger.operations", at: "insert" })
    const capture = writer.execute(captureHoldCommand("capture", hold))
    await gate.someoneWaits("test")
    const expiry = expireHolds(ledger.db, ledgerId, [hold], later(2 * hour))
    await waitsForHead()
    await gate.open()
    expect(await capture).toMatchObject({ outcome: "recorded" })
    expect(await expiry).toBe(0)
    expect(await stateOf(ledgerId, hold)).toBe("captured")
    expect(await figures(ledgerId)).toEqual([70n, 0n])
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
  })

  it("wins over a capture that waits for the head, though that capture's clock is behind", async () => {
    const { ledgerId, writer } = await ledgerAtNoon()
    const hold = await placed(writer, "hold", 30n)
    const gate = await closeGate(ledger.database.ownerUrl, { table: "ledger.balance_history", at: "insert" })
    const expiry = expireHolds(ledger.db, ledgerId, [hold], later(2 * hour))
    await gate.someoneWaits("test")
    const capture = writer.execute(captureHoldCommand("capture", hold))
    await waitsForHead()
    await gate.open()
    expect(await expiry).toBe(1)
    expect(await capture).toEqual({
      outcome: "refused",
      refusal: { refused: "HOLD_ENDED", end: { how: "expired", at: later(2 * hour) } },
    })
    expect(await stateOf(ledgerId, hold)).toBe("expired")
    expect(await figures(ledgerId)).toEqual([100n, 0n])
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
  })

  it("is not outrun by a capture after the time, while nobody has recorded that it is over", async () => {
    const { writer, clock } = await ledgerAtNoon()
    const hold = await placed(writer, "hold", 30n)
    clock.now = later(hour)
    expect(await writer.execute(captureHoldCommand("capture", hold))).toMatchObject({
      refusal: { refused: "HOLD_ENDED", end: { how: "expired", at: later(hour) } },
    })
  })

  it("is recorded once by two workers that see the same holds, on several ledgers", async () => {
    const ledgers = [await ledgerAtNoon(), await ledgerAtNoon()]
    for (const { writer } of ledgers)
      await Promise.all(Array.from({ length: 30 }, (_, index) => placed(writer, `hold-${index}`, 1n)))
    const now = () => later(2 * hour)
    const workers = [
      runHoldExpiry({ db: ledger.db, logger, now }),
      runHoldExpiry({ db: ledger.db, logger, now }),
    ]
    for (const { ledgerId } of ledgers) {
      await expect.poll(() => figures(ledgerId), { timeout: 10_000 }).toEqual([100n, 0n])
    }
    await Promise.all(workers.map((worker) => worker.stop()))
    for (const { ledgerId } of ledgers) {
      const { rows } = await sql<{ n: bigint }>`
        SELECT count(*) AS n FROM ledger.events WHERE ledger_id = ${ledgerId} AND type = 'HoldExpired'`.execute(
        ledger.db,
      )
      expect(rows[0]?.n).toBe(30n)
      expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
    }
  })
})

/** Resolves when a session waits for a row's lock. */
const waitsForHead = () =>
  expect
    .poll(async () => {
      const { rows } = await sql`
        SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event <> 'advisory'`.execute(
        ledger.db,
      )
      return rows.length
    })
    .toBe(1)

it("the table itself ends a hold once, whatever the code believes", async () => {
  const { ledgerId, writer } = await ledgerAtNoon()
  const hold = await placed(writer, "hold", 30n)
  await writer.execute(releaseHoldCommand("release", hold))
  await expect(
    sql`UPDATE ledger.holds SET state = 'captured', captured = 30 WHERE ledger_id = ${ledgerId} AND position = ${hold}`.execute(
      ledger.db,
    ),
  ).rejects.toThrow(/is released already/)
})

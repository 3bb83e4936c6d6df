import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "kysely"
import type pg from "pg"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { withHead } from "../../../ledger/store/ledger-transaction.ts"
import {
  type CommandResult,
  createLedgerWriter,
  defaultWriterLimits,
  type LedgerWriter,
  type WriterLimits,
} from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createWriterPool } from "../../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../../platform/logger.ts"
import { type CommitCutter, startCommitCutter } from "../../support/cut-at-commit.ts"
import { adjustCommand, createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitingForLocks } from "../../support/waiting-for-locks.ts"

let ledger: TestLedger
let ledgerId: string
let writer: LedgerWriter
let cutter: CommitCutter
/** Through the cutter. */
let pool: pg.Pool
beforeAll(async () => {
  ledger = await createTestLedger()
  cutter = await startCommitCutter(ledger.database.appUrl)
  pool = createWriterPool({ databaseUrl: cutter.databaseUrl, applicationName: "test" })
})
afterAll(async () => {
  await pool.end()
  await cutter.close()
  await ledger.close()
})
beforeEach(async () => {
  ledgerId = await insertLedger(ledger.db)
  writer = createWriter(ledger.writerPool)
  await writer.execute(command("fund", ["ann", 10n], ["bob", 10n]))
})

/** Each command is a group, and each group goes behind the one before it while that one is not committed. */
function createWriter(writerPool: pg.Pool, limits: Partial<WriterLimits> = {}): LedgerWriter {
  return createLedgerWriter({
    db: ledger.db,
    writerPool,
    ledgerId,
    tokens: createTokenDirectory(ledger.db, ledgerId),
    logger: createLogger("test", "silent"),
    limits: {
      ...defaultWriterLimits,
      groupRequestsMax: 1,
      behindAdjustmentsMin: 1,
      behindCommittedMs: 0,
      behindPauseMs: 0,
      ...limits,
    },
  })
}

const command = (operationId: string, ...adjustments: (readonly [string, bigint])[]) =>
  adjustCommand(ledger.tokenId, operationId, adjustments)

const recorded = (position: bigint) => ({ outcome: "recorded", isReplay: false, operation: { position } })
const refused = { outcome: "refused", refusal: { refused: "INSUFFICIENT_BALANCE" } }

const untilWaiting = (...statements: RegExp[]) =>
  expect
    .poll(async () => (await waitingForLocks(ledger.db)).map(({ query }) => query), { timeout: 10_000 })
    .toEqual(statements.map((statement) => expect.stringMatching(statement)))

/** Keeps ann's balance from being stored, so that whoever changes it has sent all of his group and is not committed. */
async function whileAnnIsLocked(work: () => Promise<void>): Promise<void> {
  await ledger.db.transaction().execute(async (trx) => {
    await trx
      .selectFrom("ledger.balances")
      .select("pending")
      .where("ledger_id", "=", ledgerId)
      .where("account_id", "=", 1n)
      .forUpdate()
      .execute()
    await work()
  })
}

async function expectProven(events: bigint): Promise<void> {
  expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true, events })
}

it("decides and sends a group while the one before it is not committed, on what that one leaves", async () => {
  let all: Promise<unknown[]> | undefined
  await whileAnnIsLocked(async () => {
    all = Promise.all([
      writer.execute(command("first", ["ann", -4n])),
      writer.execute(command("first", ["ann", -4n])),
      writer.execute(command("second", ["ann", -7n])),
      writer.execute(command("third", ["ann", -6n], ["cid", 1n])),
    ])
    await untilWaiting(/ledger\.balances/, /lock_head_at/)
  })
  expect(await all).toMatchObject([
    recorded(5n),
    { outcome: "recorded", isReplay: true, operation: { position: 5n } },
    // Ten less four is six; the third leaves nothing.
    refused,
    recorded(8n),
  ])
  await expectProven(8n)
})

it("does not refuse what the group before is just recording", async () => {
  let all: Promise<unknown[]> | undefined
  await whileAnnIsLocked(async () => {
    const all10 = command("all", ["ann", -10n])
    all = Promise.all([
      writer.execute(all10),
      writer.execute(all10),
      writer.execute(command("late", ["ann", -1n])),
    ])
    await untilWaiting(/ledger\.balances/)
  })
  expect(await all).toMatchObject([
    recorded(5n),
    { outcome: "recorded", isReplay: true, operation: { position: 5n } },
    refused,
  ])
  await expectProven(5n)
})

it("records each of both groups once when the first one's session is ended before it commits", async () => {
  let all: Promise<unknown[]> | undefined
  await whileAnnIsLocked(async () => {
    all = Promise.all([
      writer.execute(command("first", ["ann", -10n], ["cid", 3n])),
      writer.execute(command("second", ["ann", 5n], ["cid", 1n])),
    ])
    await untilWaiting(/ledger\.balances/, /lock_head_at/)
    const first = (await waitingForLocks(ledger.db)).find(({ query }) => query.includes("ledger.balances"))
    await sql`SELECT pg_terminate_backend(${first?.pid})`.execute(ledger.db)
    // The second gets the lock, finds a head that it does not know, and is gone; the first is tried again.
    await untilWaiting(/ledger\.balances/)
  })
  expect(await all).toMatchObject([recorded(7n), recorded(9n)])
  await expectProven(9n)
})

it("decides anew where somebody else has appended between the two groups", async () => {
  const other = createWriter(ledger.writerPool)
  let all: Promise<CommandResult[]> | undefined
  await withHead(ledger.db, ledgerId, async () => {
    const first = writer.execute(command("first", ["bob", 1n]))
    await untilWaiting(/ledger\.head/)
    const theirs = other.execute(command("theirs", ["ann", -10n]))
    await untilWaiting(/ledger\.head/, /ledger\.head/)
    const second = writer.execute(command("second", ["ann", -10n]))
    all = Promise.all([first, theirs, second])
  })
  // Whoever comes at the very moment of the commit may get the row's lock before the one who waits for it: only one of them can be paid all the same.
  const [one, ...others] = (await all) ?? []
  expect(one).toMatchObject(recorded(5n))
  const ordered = others.toSorted((a, b) => a.outcome.localeCompare(b.outcome))
  expect(ordered).toMatchObject([recorded(6n), refused])
  await expectProven(6n)
})

it("records once and answers as the first time, whichever group's COMMIT is not answered", async () => {
  const cut = createWriter(pool)
  const count = 40
  const sent = Array.from({ length: count }, async (_, index) => {
    if (index % 8 === 3) cutter.cutNextCommit()
    return cut.execute(command(`op-${index}`, ["ann", 2n], ["bob", -1n + BigInt(index % 2) * 2n]))
  })
  for (const result of await Promise.all(sent))
    expect(result).toMatchObject({ outcome: "recorded", isReplay: false })
  expect(cutter.cuts()).toBeGreaterThan(0)
  await expectProven(4n + 2n * BigInt(count))
})

it("remembers no balance of before a group whose answer was lost, when the one behind it was answered", async () => {
  const cut = createWriter(pool)
  await cut.execute(command("more", ["ann", 1n], ["bob", 1n]))
  let all: Promise<unknown[]> | undefined
  await whileAnnIsLocked(async () => {
    cutter.cutNextCommit()
    all = Promise.all([
      cut.execute(command("first", ["ann", -11n])),
      cut.execute(command("second", ["bob", 1n])),
    ])
    await untilWaiting(/ledger\.balances/, /lock_head_at/)
  })
  expect(await all).toMatchObject([recorded(7n), recorded(8n)])
  expect(await cut.execute(command("third", ["ann", -1n]))).toMatchObject(refused)
  await expectProven(8n)
})

it("puts no group behind one whose answer was lost, though that was sent", async () => {
  const cut = createWriter(pool, { retryForMs: 0 })
  await cut.execute(command("more", ["ann", 1n], ["bob", 1n]))
  let all: Promise<PromiseSettledResult<unknown>[]> | undefined
  await whileAnnIsLocked(async () => {
    cutter.cutNextCommit("reset", 2)
    all = Promise.allSettled([
      cut.execute(command("first", ["ann", -11n])),
      cut.execute(command("second", ["bob", 1n])),
      cut.execute(command("third", ["ann", -1n])),
    ])
    await untilWaiting(/ledger\.balances/, /lock_head_at/)
  })
  // Nobody knows of the first, as it is not tried again here; what comes behind knows all the same.
  const [first, , third] = (await all) ?? []
  expect(first).toMatchObject({ status: "rejected", reason: { code: "LEDGER_UNAVAILABLE" } })
  expect(third).toMatchObject({ status: "fulfilled", value: refused })
  await expectProven(8n)
})

it("asks for no lock before it decides where it has just committed, and decides anew where somebody else was quicker", async () => {
  const quick = createWriter(ledger.writerPool, { behindCommittedMs: 60_000 })
  expect(await quick.execute(command("one", ["ann", -1n]))).toMatchObject(recorded(5n))
  let two: Promise<unknown> | undefined
  await withHead(ledger.db, ledgerId, async () => {
    two = quick.execute(command("two", ["ann", -1n]))
    await untilWaiting(/lock_head_at/)
  })
  expect(await two).toMatchObject(recorded(6n))
  expect(await writer.execute(command("theirs", ["ann", -8n]))).toMatchObject(recorded(7n))
  expect(await quick.execute(command("three", ["ann", -1n]))).toMatchObject(refused)
  expect(await quick.execute(command("four", ["bob", -1n]))).toMatchObject(recorded(8n))
  expect(await quick.execute(command("one", ["ann", -1n]))).toMatchObject({ isReplay: true })
  await expectProven(8n)
})

it("asks for the lock first the longer the more often somebody else was quicker, until nobody is", async () => {
  const behindPauseMs = 1_500
  const wary = createWriter(ledger.writerPool, { behindCommittedMs: 60_000, behindPauseMs })
  const one = (by: LedgerWriter) => by.execute(command(randomUUID(), ["ann", 1n]))
  /** Which statement asks for the lock of the next group. */
  async function expectLock(statement: RegExp): Promise<void> {
    let next: Promise<unknown> | undefined
    await withHead(ledger.db, ledgerId, async () => {
      next = one(wary)
      await untilWaiting(statement)
    })
    expect(await next).toMatchObject({ outcome: "recorded" })
  }
  await one(wary)
  for (let time = 1; time <= 2; time += 1) {
    await one(writer)
    await one(wary)
    await expectLock(/FOR NO KEY UPDATE/)
    await sleep(behindPauseMs + 100)
  }
  await expectLock(/FOR NO KEY UPDATE/)
  await sleep(behindPauseMs)
  await expectLock(/lock_head_at/)
  // That was a success: as if nothing had been. Two that fail together count once.
  let all: Promise<unknown> | undefined
  await whileAnnIsLocked(async () => {
    const theirs = one(writer)
    await untilWaiting(/ledger\.balances/)
    const ours = [command(randomUUID(), ["bob", 1n]), command(randomUUID(), ["bob", 1n])]
    all = Promise.all([theirs, ...ours.map((each) => wary.execute(each))])
    await untilWaiting(/ledger\.balances/, /lock_head_at/, /lock_head_at/)
  })
  await all
  await expectLock(/FOR NO KEY UPDATE/)
  await sleep(behindPauseMs + 100)
  await expectLock(/lock_head_at/)
})

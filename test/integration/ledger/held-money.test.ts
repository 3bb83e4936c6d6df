import fc from "fast-check"
import { sql } from "kysely"
import type pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import type { LedgerCommand } from "../../../ledger/domain/commands.ts"
import { effectsOf } from "../../../ledger/domain/effects.ts"
import { changeTypes } from "../../../ledger/domain/events.ts"
import { expireHolds } from "../../../ledger/holds/expire-holds.ts"
import { parseEvent, readEvents } from "../../../ledger/store/read-events.ts"
import { createLedgerWriter, type LedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createWriterPool } from "../../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../../platform/logger.ts"
import { observeDeposit, revokeDeposit } from "../../support/chain-facts.ts"
import {
  captureHoldCommand,
  placeHoldCommand,
  releaseHoldCommand,
  reverseCommand,
} from "../../support/hold-commands.ts"
import { adjustCommand, createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
let otherPool: pg.Pool
beforeAll(async () => {
  ledger = await createTestLedger()
  otherPool = createWriterPool({ databaseUrl: ledger.database.appUrl, applicationName: "test-other" })
})
afterAll(async () => {
  await otherPool?.end()
  await ledger?.close()
})

const noonMs = Date.parse("2020-01-01T12:00:00Z")
const holdMs = 10_000
const users = ["ann", "bob"]

type Step = {
  readonly kind: "adjust" | "hold" | "capture" | "release" | "reverse" | "expire" | "deposit" | "reorg"
  readonly amount: number
  readonly pick: number
  /** Which process does it, and how far its clock has moved on since the last wave. */
  readonly process: number
  readonly laterMs: number
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    ...(["adjust", "adjust", "hold", "hold", "capture", "release", "reverse", "expire"] as const),
    ...(["deposit", "reorg"] as const),
  ),
  amount: fc.integer({ min: -40, max: 60 }).filter((amount) => amount !== 0),
  pick: fc.nat({ max: 1_000 }),
  process: fc.nat({ max: 1 }),
  laterMs: fc.nat({ max: 4_000 }),
})
/** The steps of a wave are under way at once. */
const waves = fc.array(fc.array(step, { minLength: 1, maxLength: 10 }), { minLength: 3, maxLength: 7 })
const one = (kind: Step["kind"], amount: number, laterMs = 0): Step[] => [
  { kind, amount, pick: 0, process: 0, laterMs },
]
/** What the property has to have met, whatever chance gives it besides: a hold that ends in each way, and one of money that the chain takes back. */
const everyWay = [
  ...[one("hold", 30), one("capture", 30), one("hold", 20), one("expire", 1, holdMs), one("deposit", 60)],
  ...[one("hold", 120), one("reorg", 1)],
]

async function startLedger() {
  const ledgerId = await insertLedger(ledger.db)
  const clocks = [{ ms: noonMs }, { ms: noonMs }]
  const writers = [ledger.writerPool, otherPool].map((writerPool, index) =>
    createLedgerWriter({
      db: ledger.db,
      writerPool,
      ledgerId,
      tokens: createTokenDirectory(ledger.db, ledgerId),
      logger: createLogger("test", "silent"),
      now: () => new Date(clocks[index]?.ms ?? 0),
    }),
  )
  await writers[0]?.execute(
    adjustCommand(
      ledger.tokenId,
      "fund",
      users.map((user) => [user, 100n]),
    ),
  )
  return { ledgerId, clocks, writer: (index: number) => writers[index] as LedgerWriter }
}

type Known = { holds: bigint[]; changes: bigint[]; deposits: bigint[]; recorded: number; expired: number }

async function take(run: Awaited<ReturnType<typeof startLedger>>, known: Known, id: string, taken: Step) {
  const { kind, pick, process, laterMs } = taken
  const size = BigInt(Math.abs(taken.amount))
  const user = users[pick % users.length] ?? ""
  const from = (positions: readonly bigint[]) => positions[pick % Math.max(1, positions.length)] ?? 1_000_000n
  const clock = run.clocks[process]
  if (clock !== undefined) clock.ms += laterMs
  const now = new Date(clock?.ms ?? 0)
  const execute = async (command: LedgerCommand) => {
    const result = await run.writer(process).execute(command)
    if (result.outcome !== "recorded") return
    known.recorded += 1
    const { hold, adjustments } = result.operation
    if (hold?.type === "HoldPlaced") known.holds.push(hold.position)
    if (hold?.type === "HoldCaptured") known.changes.push(hold.position)
    for (const { position } of adjustments) known.changes.push(position)
  }
  switch (kind) {
    case "adjust":
      return execute(adjustCommand(ledger.tokenId, id, [[user, BigInt(taken.amount)]]))
    case "hold":
      return execute(placeHoldCommand(ledger.tokenId, id, user, size, { inMs: holdMs }))
    case "capture":
      return execute(captureHoldCommand(id, from(known.holds), pick % 3 === 0 ? size : null))
    case "release":
      return execute(releaseHoldCommand(id, from(known.holds)))
    case "reverse":
      return execute(reverseCommand(id, from(known.changes)))
    case "expire":
      known.expired += await expireHolds(ledger.db, run.ledgerId, known.holds, now)
      return
    case "deposit":
      known.deposits.push(await observeDeposit(ledger, run.ledgerId, BigInt((pick % users.length) + 1), size))
      return
    case "reorg": {
      const position = known.deposits.pop()
      if (position !== undefined) await revokeDeposit(ledger, run.ledgerId, position)
      return
    }
  }
}

/** No event that we decide takes an account below what it holds back, nor further below it. The chain may do that. */
async function expectOwnDecisionsCovered(ledgerId: string): Promise<number> {
  const accounts = new Map<bigint, { pending: bigint; locked: bigint }>()
  const ours = new Set<string>([...changeTypes, "HoldPlaced", "HoldReleased", "HoldExpired"])
  let overdrawn = 0
  for (const stored of await readEvents(ledger.db, ledgerId, 0n, 10_000)) {
    const event = parseEvent(stored)
    for (const { accountId, pending, locked } of effectsOf(event)) {
      const before = accounts.get(accountId) ?? { pending: 0n, locked: 0n }
      const after = { pending: before.pending + pending, locked: before.locked + locked }
      const free = after.pending - after.locked
      if (ours.has(event.type)) {
        expect(free >= 0n || free >= before.pending - before.locked, `position ${stored.position}`).toBe(true)
        expect(after.pending >= 0n || pending >= 0n, `position ${stored.position}`).toBe(true)
      }
      if (free < 0n) overdrawn += 1
      accounts.set(accountId, after)
    }
  }
  return overdrawn
}

test("whatever happens to held money at once, by whichever process and whatever the chain does, it is spent once and the log gives what is live", async () => {
  const seen = { recorded: 0, expired: 0, overdrawn: 0, captured: 0 }
  await fc.assert(
    fc.asyncProperty(waves, async (given) => {
      const run = await startLedger()
      const known: Known = { holds: [], changes: [], deposits: [], recorded: 0, expired: 0 }
      for (const [number, wave] of given.entries()) {
        await Promise.all(wave.map((taken, index) => take(run, known, `op-${number}-${index}`, taken)))
      }
      expect(await verifyLedger(ledger.db, run.ledgerId)).toMatchObject({ ok: true })
      seen.overdrawn += await expectOwnDecisionsCovered(run.ledgerId)
      const { rows } = await sql<{ locked: bigint; open: bigint; captured: bigint }>`
        SELECT (SELECT coalesce(sum(locked), 0) FROM ledger.balances WHERE ledger_id = ${run.ledgerId}) AS locked,
          coalesce(sum(amount) FILTER (WHERE state = 'open'), 0) AS open, count(*) FILTER (WHERE state = 'captured') AS captured
        FROM ledger.holds WHERE ledger_id = ${run.ledgerId}`.execute(ledger.db)
      expect(rows[0]?.locked).toBe(rows[0]?.open)
      seen.recorded += known.recorded
      seen.expired += known.expired
      seen.captured += Number(rows[0]?.captured)
    }),
    { numRuns: 20, examples: [[everyWay]], interruptAfterTimeLimit: 25_000, markInterruptAsFailure: false },
  )
  // The property has met what it is about.
  expect(seen.recorded).toBeGreaterThan(20)
  expect(seen.expired).toBeGreaterThan(0)
  expect(seen.captured).toBeGreaterThan(0)
  expect(seen.overdrawn).toBeGreaterThan(0)
})

test("an account that the chain has overdrawn keeps its holds, and captures what is there", async () => {
  const { ledgerId, writer } = await startLedger()
  const execute = (command: LedgerCommand) => writer(0).execute(command)
  await execute(adjustCommand(ledger.tokenId, "spend", [["ann", -100n]]))
  const deposit = await observeDeposit(ledger, ledgerId, 1n, 60n)
  await execute(adjustCommand(ledger.tokenId, "more", [["ann", 20n]]))
  const placed = await execute(placeHoldCommand(ledger.tokenId, "hold", "ann", 50n))
  const hold = placed.outcome === "recorded" ? placed.operation.position : 0n
  await revokeDeposit(ledger, ledgerId, deposit)
  const figures = async () =>
    ledger.db
      .selectFrom("ledger.balances")
      .select(["pending", "locked"])
      .where("ledger_id", "=", ledgerId)
      .where("account_id", "=", 1n)
      .executeTakeFirstOrThrow()
  expect(await figures()).toEqual({ pending: 20n, locked: 50n })
  const refused = { outcome: "refused", refusal: { refused: "INSUFFICIENT_BALANCE" } }
  expect(await execute(adjustCommand(ledger.tokenId, "debit", [["ann", -1n]]))).toMatchObject(refused)
  expect(await execute(placeHoldCommand(ledger.tokenId, "hold-2", "ann", 1n))).toMatchObject(refused)
  expect(await execute(captureHoldCommand("capture", hold))).toMatchObject(refused)
  expect(await execute(captureHoldCommand("capture", hold, 20n))).toMatchObject({ outcome: "recorded" })
  expect(await figures()).toEqual({ pending: 0n, locked: 0n })
  expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
})

import { setTimeout as sleep } from "node:timers/promises"
import fc from "fast-check"
import { sql } from "kysely"
import type pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import type { LedgerCommand } from "../../../ledger/domain/commands.ts"
import { createAccountMemory } from "../../../ledger/writer/account-memory.ts"
import {
  type CommandResult,
  createLedgerWriter,
  defaultWriterLimits,
  type LedgerWriter,
} from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createWriterPool } from "../../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../../platform/logger.ts"
import { commandWaves, type Planned, toCommand } from "../../support/command-waves.ts"
import { type CommitCutter, startCommitCutter } from "../../support/cut-at-commit.ts"
import { adjustCommand, createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
let otherPool: pg.Pool
let cutter: CommitCutter
let cutPool: pg.Pool
beforeAll(async () => {
  ledger = await createTestLedger()
  cutter = await startCommitCutter(ledger.database.appUrl)
  cutPool = createWriterPool({ databaseUrl: cutter.databaseUrl, applicationName: "test-cut" })
  otherPool = createWriterPool({ databaseUrl: ledger.database.appUrl, applicationName: "test-other" })
})
afterAll(async () => {
  await cutPool?.end()
  await cutter?.close()
  await otherPool?.end()
  await ledger?.close()
})

/** A fresh ledger with two writers, as two processes have them: each with its own connections and its own memory. */
async function twoWriters(firstPool = ledger.writerPool, accountsMax?: number) {
  const ledgerId = await insertLedger(ledger.db)
  const writers = [firstPool, otherPool].map((writerPool) =>
    createLedgerWriter({
      db: ledger.db,
      writerPool,
      ledgerId,
      memory: createAccountMemory(accountsMax),
      tokens: createTokenDirectory(ledger.db, ledgerId),
      logger: createLogger("test", "silent"),
      // Small groups, of which more meet, and each behind the one before it where it can.
      limits: { ...defaultWriterLimits, groupRequestsMax: 4, behindAdjustmentsMin: 1, behindPauseMs: 0 },
    }),
  )
  return { ledgerId, writer: (index: number) => writers[index % 2] as LedgerWriter }
}

type Sent = { readonly command: LedgerCommand; readonly answers: readonly CommandResult[] }

/** Sends all copies of a wave at once, in the order that they have drawn. */
async function sendWave(
  wave: readonly { readonly command: LedgerCommand; readonly plan: Planned }[],
  writer: (index: number) => LedgerWriter,
): Promise<Sent[]> {
  const answers = new Map<LedgerCommand, CommandResult[]>(wave.map(({ command }) => [command, []]))
  const copies = wave
    .flatMap(({ command, plan }) => plan.copies.map((copy) => ({ command, ...copy })))
    .toSorted((a, b) => a.order - b.order)
  await Promise.all(
    copies.map(async ({ command, writer: index }) => {
      answers.get(command)?.push(await writer(index).execute(command))
    }),
  )
  return [...answers].map(([command, given]) => ({ command, answers: given }))
}

const recordedIn = (answers: readonly CommandResult[]) =>
  answers.filter((answer) => answer.outcome === "recorded")

async function readOperations(ledgerId: string) {
  const { rows } = await sql<{ operation_id: string; named: bigint; stored: bigint }>`
    SELECT o.operation_id, o.last_position - o.first_position + 1 AS named,
      (SELECT count(*) FROM ledger.event_log e
       WHERE e.ledger_id = o.ledger_id AND e.operation_id = o.operation_id AND e.type <> 'AccountOpened') AS stored
    FROM ledger.operations o WHERE o.ledger_id = ${ledgerId}`.execute(ledger.db)
  return rows
}

async function expectBalancesCovered(ledgerId: string): Promise<void> {
  const { rows } = await sql`
    SELECT account_id FROM ledger.balances
    WHERE ledger_id = ${ledgerId} AND NOT (locked >= 0 AND pending >= locked)
    UNION ALL
    SELECT account_id FROM ledger.event_log WHERE ledger_id = ${ledgerId} AND balance_after < 0`.execute(
    ledger.db,
  )
  expect(rows).toEqual([])
}

test("whatever is sent twice, in whatever order and to whichever process, happens once, is answered alike, and the log replays to what is live", async () => {
  const seen = { recorded: 0, replayed: 0, refused: 0, kinds: new Set<string>() }
  await fc.assert(
    fc.asyncProperty(commandWaves, async (waves) => {
      const { ledgerId, writer } = await twoWriters()
      const fund = adjustCommand(ledger.tokenId, "fund", [
        ["user-0", 100n],
        ["user-1", 50n],
      ])
      const all: Sent[] = [{ command: fund, answers: [await writer(0).execute(fund)] }]
      const holds: bigint[] = []
      const changes: bigint[] = []
      for (const [number, wave] of waves.entries()) {
        const commands = wave.map((plan, index) => ({
          plan,
          command: toCommand(ledger.tokenId, `op-${number}-${index}`, plan, { holds, changes }),
        }))
        const sent = await sendWave(commands, writer)
        all.push(...sent)
        for (const { answers } of sent) {
          const operation = recordedIn(answers)[0]?.operation
          if (operation?.hold?.type === "HoldPlaced") holds.push(operation.hold.position)
          for (const { position } of operation?.adjustments ?? []) changes.push(position)
        }
      }

      const stored = new Map((await readOperations(ledgerId)).map((row) => [row.operation_id, row]))
      for (const { command, answers } of all) {
        const recorded = recordedIn(answers)
        const [first] = recorded
        const row = stored.get(command.operationId)
        expect(row !== undefined, command.operationId).toBe(first !== undefined)
        seen.refused += answers.length - recorded.length
        if (first === undefined || row === undefined) continue
        // Once: one of the answers is the first, all of them say the same, and no event is there that the operation does not name.
        expect(recorded.filter(({ isReplay }) => !isReplay)).toHaveLength(1)
        for (const { operation } of recorded) expect(operation).toEqual(first.operation)
        expect(row.stored).toBe(row.named)
        const again = await writer(1).execute(command)
        expect(again).toEqual({ outcome: "recorded", isReplay: true, operation: first.operation })
        seen.recorded += 1
        seen.replayed += recorded.length - 1
        seen.kinds.add(command.kind)
      }
      await expectBalancesCovered(ledgerId)
      expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
    }),
    { numRuns: 25, interruptAfterTimeLimit: 25_000, markInterruptAsFailure: false },
  )
  // The property has met what it is about.
  expect(seen.recorded).toBeGreaterThan(50)
  expect(seen.replayed).toBeGreaterThan(20)
  expect(seen.refused).toBeGreaterThan(5)
  expect([...seen.kinds].sort()).toEqual([
    "AdjustBalance",
    "CaptureHold",
    "PlaceHold",
    "ReleaseHold",
    "ReverseAdjustment",
  ])
})

test("nothing is spent twice, however many want it at once: what was refused was more than is left", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 400 }),
      fc.array(fc.record({ amount: fc.integer({ min: 1, max: 60 }), writer: fc.nat({ max: 1 }) }), {
        minLength: 2,
        maxLength: 60,
      }),
      async (funds, spends) => {
        const { ledgerId, writer } = await twoWriters()
        await writer(0).execute(adjustCommand(ledger.tokenId, "fund", [["ann", BigInt(funds)]]))
        const outcomes = await Promise.all(
          spends.map(({ amount, writer: index }, number) =>
            writer(index).execute(
              adjustCommand(ledger.tokenId, `spend-${number}`, [["ann", BigInt(-amount)]]),
            ),
          ),
        )
        let left = funds
        for (const [index, { outcome }] of outcomes.entries())
          if (outcome === "recorded") left -= spends[index]?.amount ?? 0
        expect(left).toBeGreaterThanOrEqual(0)
        for (const [index, { outcome }] of outcomes.entries())
          if (outcome === "refused") expect(spends[index]?.amount).toBeGreaterThan(left)
        await expectBalancesCovered(ledgerId)
        expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
      },
    ),
    { numRuns: 20, interruptAfterTimeLimit: 15_000, markInterruptAsFailure: false },
  )
})

/** One of many that are under way at once. */
const step = fc.record({
  user: fc.nat({ max: 7 }),
  amount: fc.integer({ min: -9, max: 6 }).filter((amount) => amount !== 0),
  writer: fc.constantFrom(0, 0, 0, 0, 1),
  fault: fc.constantFrom(null, null, null, null, "answer", "two answers", "commit"),
  pauseMs: fc.constantFrom(0, 0, 0, 4),
})

test("whichever COMMIT is lost, or the answer to it, of whichever group in flight: what is told is what is there, and it replays", async () => {
  const seen = { cuts: 0, recorded: 0 }
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 30, maxLength: 60 }),
      fc.constantFrom(6, 1_000),
      async (steps, accountsMax) => {
        const { ledgerId, writer } = await twoWriters(cutPool, accountsMax)
        const cutsBefore = cutter.cuts()
        await writer(1).execute(
          adjustCommand(
            ledger.tokenId,
            "fund",
            Array.from({ length: 8 }, (_, user) => [`user-${user}`, 20n] as const),
          ),
        )
        const sent: Promise<CommandResult>[] = []
        for (const [index, { user, amount, writer: by, fault, pauseMs }] of steps.entries()) {
          if (fault === "commit") cutter.cutBeforeNextCommit()
          else if (fault !== null) cutter.cutNextCommit("reset", fault === "answer" ? 1 : 2)
          const change = adjustCommand(ledger.tokenId, `op-${index}`, [[`user-${user}`, BigInt(amount)]])
          sent.push(writer(by).execute(change))
          if (pauseMs > 0) await sleep(pauseMs)
        }
        const outcomes = await Promise.all(sent)
        cutter.disarm()
        const told = outcomes.flatMap((result, index) =>
          result.outcome === "recorded" ? [`op-${index}`] : [],
        )
        for (const result of outcomes) if (result.outcome === "recorded") expect(result.isReplay).toBe(false)
        const stored = (await readOperations(ledgerId)).map((row) => row.operation_id)
        expect(stored.sort()).toEqual(["fund", ...told].sort())
        await expectBalancesCovered(ledgerId)
        expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
        seen.cuts += cutter.cuts() - cutsBefore
        seen.recorded += told.length
      },
    ),
    { numRuns: 12, interruptAfterTimeLimit: 25_000, markInterruptAsFailure: false },
  )
  expect(seen.cuts).toBeGreaterThan(10)
  expect(seen.recorded).toBeGreaterThan(100)
})

import fc from "fast-check"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type Replay, replayEvent, startReplay } from "../../../ledger/domain/replay.ts"
import { findPosition } from "../../../ledger/store/find-position.ts"
import { readLedgerBalancesAt, readUserBalancesAt } from "../../../ledger/store/read-balances-at.ts"
import { parseEvent, readEvents, type StoredEvent } from "../../../ledger/store/read-events.ts"
import { type LogStep, logSteps, writeRandomLog } from "../../support/random-log.ts"
import { createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"

let shared: TestLedger
beforeAll(async () => {
  shared = await createTestLedger()
})
afterAll(() => shared?.close())

const funds: LogStep = { kind: "adjust", user: 0, amount: 90 }
const hold: LogStep = { kind: "hold", user: 0, amount: 20 }
const ends: LogStep[] = (["capture", "release", "expire"] as const).flatMap((how) => [
  hold,
  { kind: "end hold", how, part: 7 },
])
const chain: LogStep[] = [
  { kind: "settle", drift: 3 },
  { kind: "observe", user: 1, amount: 9 },
  { kind: "observe", user: 1, amount: -4 },
  { kind: "revoke" },
  { kind: "revoke" },
  { kind: "revoke" },
]
/** What the property has to have met, whatever chance gives it besides. */
const everyKind = [funds, ...ends, hold, ...chain].map((step, index) => ({
  clockMs: (index * 700) % 1_500,
  step,
}))

const later = new Date("2100-01-01T00:00:00Z")

/** Accounts as a replay of the log has them after each position, from the empty ledger on. */
function replayAll(events: readonly StoredEvent[]): Map<bigint, object>[] {
  const replay: Replay = startReplay()
  const figures = () =>
    new Map(
      [...replay.accounts].map(([id, { pending, confirmed, locked }]) => [
        id,
        { pending, confirmed, locked },
      ]),
    )
  return [
    figures(),
    ...events.map((event) => {
      replayEvent(replay, event.position, parseEvent(event))
      return figures()
    }),
  ]
}

test("balances at every position, and at every time, equal a replay of the log up to there", async () => {
  const seen = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(logSteps, async (steps: readonly { clockMs: number; step: LogStep }[]) => {
      const ledgerId = await insertLedger(shared.db)
      await writeRandomLog({ ...shared, ledgerId }, steps)
      const events = await readEvents(shared.db, ledgerId, 0n, 10_000)
      const replayed = replayAll(events)
      for (const { type } of events) seen.set(type, (seen.get(type) ?? 0) + 1)
      for (const [index, expected] of replayed.entries()) {
        const position = BigInt(index)
        const page = { afterAccountId: 0n, limit: 100, tokenIds: null }
        const read = await readLedgerBalancesAt(shared.db, ledgerId, position, page)
        expect(
          new Map(
            read.map(({ account_id, pending, confirmed, locked }) => [
              account_id,
              { pending, confirmed, locked },
            ]),
          ),
        ).toEqual(expected)
      }
      const times = new Set(
        events.flatMap(({ recordedAt }) => [-1, 0, 1].map((ms) => recordedAt.getTime() + ms)),
      )
      for (const time of times) {
        const last = events.findLast(({ recordedAt }) => recordedAt.getTime() <= time)
        expect(await findPosition(shared.db, ledgerId, { time: new Date(time) }, later)).toEqual({
          position: last?.position ?? 0n,
          recordedAt: last?.recordedAt ?? null,
        })
      }
    }),
    { numRuns: 25, examples: [[everyKind]] },
  )
  // The property says nothing of what never happened.
  for (const type of [
    "AccountOpened",
    "AdjustmentRecorded",
    "HoldPlaced",
    "HoldCaptured",
    "HoldReleased",
    "HoldExpired",
    "DepositObserved",
    "WithdrawalObserved",
    "SettlementSealed",
    "SettlementConfirmed",
    "ConfirmationRevoked",
  ])
    expect([type, seen.get(type) ?? 0]).not.toEqual([type, 0])
})

test("an account of the user that was not open yet has zeros, and a position beyond the head is none", async () => {
  const ledgerId = await insertLedger(shared.db)
  await writeRandomLog({ ...shared, ledgerId }, [
    { clockMs: 1, step: { kind: "adjust", user: 0, amount: 5 } },
    { clockMs: 2, step: { kind: "adjust", user: 1, amount: 7 } },
  ])
  const [before] = await readUserBalancesAt(shared.db, ledgerId, "bob", 2n)
  expect(before).toMatchObject({ user_id: "bob", pending: 0n, confirmed: 0n, locked: 0n })
  expect(await readUserBalancesAt(shared.db, ledgerId, "nobody", 2n)).toEqual([])
  const head = { position: 4n, recordedAt: new Date(Date.UTC(2020, 0, 1) + 2) }
  expect(await findPosition(shared.db, ledgerId, { position: 4n }, later)).toEqual(head)
  expect(await findPosition(shared.db, ledgerId, { position: 5n }, later)).toEqual({
    refused: "BEYOND_HEAD",
    head,
  })
  expect(await findPosition(shared.db, ledgerId, { position: 0n }, later)).toEqual({
    position: 0n,
    recordedAt: null,
  })
  const future = { time: new Date(later.getTime() + 1) }
  expect(await findPosition(shared.db, ledgerId, future, later)).toEqual({ refused: "IN_THE_FUTURE" })
})

test("a time that the log itself gives is not in the future, however far behind the clock of the reader is", async () => {
  const ledgerId = await insertLedger(shared.db)
  const behind = new Date(Date.UTC(2019, 0, 1))
  const future = { refused: "IN_THE_FUTURE" }
  expect(await findPosition(shared.db, ledgerId, { time: later }, behind)).toEqual(future)
  await writeRandomLog({ ...shared, ledgerId }, [
    { clockMs: 1, step: { kind: "adjust", user: 0, amount: 5 } },
  ])
  const recordedAt = new Date(Date.UTC(2020, 0, 1) + 1)
  expect(await findPosition(shared.db, ledgerId, { time: recordedAt }, behind)).toEqual({
    position: 2n,
    recordedAt,
  })
  const beyond = new Date(recordedAt.getTime() + 1)
  expect(await findPosition(shared.db, ledgerId, { time: beyond }, behind)).toEqual(future)
})

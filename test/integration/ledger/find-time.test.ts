import { sql } from "kysely"
import pg from "pg"
import { afterAll, beforeAll, expect, test } from "vitest"
import { findTime } from "../../../ledger/store/find-position.ts"
import { sampledTimes } from "../../support/sampled.ts"
import { createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"

const events = 30_000
/** As many as take more steps than a number that doubles twice with each of them has room for. */
const manyEvents = sampledTimes(2_500_000, 250_000)
const first = Date.UTC(2030, 0, 1)

let ledger: TestLedger
let owner: pg.Client
beforeAll(async () => {
  ledger = await createTestLedger()
  owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
  await owner.query("SET session_replication_role = replica")
})
afterAll(async () => {
  await owner?.end()
  await ledger?.close()
})

/** A log of which only the times matter. */
async function logAt(
  msAfterFirst: (position: number) => number,
): Promise<{ ledgerId: string; times: number[] }> {
  const ledgerId = await insertLedger(ledger.db)
  const times = Array.from({ length: events }, (_, index) => first + Math.floor(msAfterFirst(index + 1)))
  await owner.query(
    `INSERT INTO ledger.events (ledger_id, position, type, version, occurred_at, recorded_at, causation, data, prev_hash, hash)
     SELECT $1, n, 'AccountOpened', 1, to_timestamp(ms / 1000.0), to_timestamp(ms / 1000.0), 'test', '{}', '\\x${"00".repeat(32)}', '\\x${"00".repeat(32)}'
     FROM unnest($2::bigint[]) WITH ORDINALITY AS e(ms, n)`,
    [ledgerId, times],
  )
  await owner.query(
    "UPDATE ledger.head SET position = $2, recorded_at = to_timestamp($3 / 1000.0) WHERE ledger_id = $1",
    [ledgerId, events, times.at(-1)],
  )
  return { ledgerId, times }
}

/** How many events one search has looked at. */
async function probed(ledgerId: string, time: number): Promise<{ position: bigint; probes: number }> {
  return ledger.db.transaction().execute(async (trx) => {
    const looks = sql<{ looks: bigint }>`
      SELECT sum(idx_tup_fetch)::bigint AS looks FROM pg_stat_xact_user_tables WHERE relname LIKE 'events_from_%'`
    const before = (await looks.execute(trx)).rows[0]?.looks ?? 0n
    const { position } = await findTime(trx, ledgerId, new Date(time))
    return { position, probes: Number(((await looks.execute(trx)).rows[0]?.looks ?? 0n) - before) }
  })
}

const dayMs = 86_400_000
/** The limits are what each takes, and a little: halving the log takes fifteen, and two steps up to that. */
const shapes: [string, (position: number) => number, number][] = [
  ["came evenly", (position) => position * 1_000, 7],
  // A wave a day, from hardly anything to twice the average.
  [
    "came by day and hardly by night",
    (position) => position * 1_000 + Math.sin((position * 1_000 * 2 * Math.PI) / dayMs) * 13_000_000,
    16,
  ],
  ["came in groups of one moment", (position) => Math.floor(position / 500) * 60_000, 17],
  ["came faster and faster", (position) => Math.log2(position) * dayMs, 23],
  ["came all at once, after one long before", (position) => (position === 1 ? 0 : 365 * dayMs), 24],
]

test.each(shapes)("a time is found by few looks where the events %s", async (_, msAfterFirst, looksMax) => {
  const { ledgerId, times } = await logAt(msAfterFirst)
  const asked = [first - 1, first, (times.at(-1) ?? 0) - 1, times.at(-1) ?? 0, (times.at(-1) ?? 0) + 1]
  for (let index = 1; index < 40; index += 1) {
    const at = times[Math.floor((index * events) / 40)] ?? 0
    asked.push(at - 1, at, at + 1)
  }
  let looks = 0
  for (const time of asked) {
    const { position, probes } = await probed(ledgerId, time)
    const last = times.findLastIndex((at) => at <= time) + 1
    expect([time, position]).toEqual([time, BigInt(last)])
    looks = Math.max(looks, probes)
  }
  expect(looks).toBeLessThanOrEqual(looksMax)
})

test("and in a log of millions", async () => {
  const ledgerId = await insertLedger(ledger.db)
  const later = first + 365 * dayMs
  await owner.query(
    `INSERT INTO ledger.events (ledger_id, position, type, version, occurred_at, recorded_at, causation, data, prev_hash, hash)
     SELECT $1, n, 'AccountOpened', 1, t.at, t.at, 'test', '{}', '\\x${"00".repeat(32)}', '\\x${"00".repeat(32)}'
     FROM generate_series(1, $2::bigint) AS n, to_timestamp(CASE WHEN n = 1 THEN $3::bigint ELSE $4::bigint END / 1000.0) AS t(at)`,
    [ledgerId, manyEvents, first, later],
  )
  await owner.query(
    "UPDATE ledger.head SET position = $2, recorded_at = to_timestamp($3 / 1000.0) WHERE ledger_id = $1",
    [ledgerId, manyEvents, later],
  )
  expect(await probed(ledgerId, first)).toMatchObject({ position: 1n })
  expect(await probed(ledgerId, later - 1)).toMatchObject({ position: 1n })
  expect(await probed(ledgerId, later)).toMatchObject({ position: BigInt(manyEvents) })
})

import pg from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { hashEvent } from "../../../ledger/domain/event-encoding.ts"
import { readEvents, type StoredEvent } from "../../../ledger/store/read-events.ts"
import { seedLog } from "../../bench/seed-log.ts"
import { createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

// Segments as small as they come, so that a small log has many borders: 256 | 257, 512 | 513 …
const segmentEvents = 256
const events = 1_200

let ledger: TestLedger
let owner: pg.Client
let original: readonly StoredEvent[]

beforeAll(async () => {
  ledger = await createTestLedger()
  const reason = {
    reasonType: "reward",
    businessType: "reward",
    priority: "normal",
    metadataKeys: ["activity_id"],
  } as const
  await seedLog({
    databaseUrl: ledger.database.ownerUrl,
    ledgerId: ledger.ledgerId,
    tokenId: ledger.tokenId,
    reasons: [reason],
    events,
    users: 40,
    // Some operations lie across a border.
    adjustmentsPerOperation: 7,
    settledShare: 0,
  })
  owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
  // Nothing but verify is left to see a change.
  await owner.query("SET session_replication_role = replica")
  original = await readEvents(ledger.db, ledger.ledgerId, 0n, 10_000)
})
afterAll(async () => {
  await owner?.end()
  await ledger?.close()
})

const verify = (threads: number) =>
  verifyLedger(ledger.db, ledger.ledgerId, undefined, { threads, segmentEvents })

/** Runs one change of the log, and puts everything back. */
async function tampered(change: () => Promise<unknown>, threads: number): Promise<unknown> {
  const tables = ["ledger.events", "ledger.head", "ledger.operations", "settlement.batch_items"]
  for (const [index, table] of tables.entries())
    await owner.query(`CREATE TEMP TABLE kept_${index} AS TABLE ${table}`)
  try {
    await change()
    return await verify(threads)
  } finally {
    for (const [index, table] of tables.entries())
      await owner.query(
        `DELETE FROM ${table}; INSERT INTO ${table} TABLE kept_${index}; DROP TABLE kept_${index}`,
      )
  }
}

function eventAt(position: number): StoredEvent {
  const event = original[position - 1]
  if (event === undefined) throw new Error(`no event at ${position}`)
  return event
}

/** Hashes the events from a position on anew, so that the chain holds again, up to the end of a segment. */
async function rehash(
  from: number,
  upto: number,
  change: (event: StoredEvent) => StoredEvent,
): Promise<void> {
  let previous = eventAt(from - 1).hash
  for (let position = from; position <= upto; position += 1) {
    const event = change(eventAt(position))
    const hash = hashEvent(previous, event)
    await owner.query(
      "UPDATE ledger.events SET prev_hash = $2, hash = $3, amount = $4, balance_after = $5, recorded_at = $6, data = $7 WHERE position = $1",
      [
        position,
        previous,
        hash,
        String(event.amount ?? ""),
        String(event.balanceAfter ?? ""),
        event.recordedAt,
        event.dataJson,
      ].map((value) => (value === "" ? null : value)),
    )
    previous = hash
  }
}

const set = (text: string) => () => owner.query(text)
/** Each takes the other's place, with everything but its position. */
const swap = (one: number, other: number) => async () => {
  const columns =
    "type, operation_id, sequence, account_id, amount, balance_after, occurred_at, recorded_at, causation, data, details, salt, details_hash, prev_hash, hash"
  await owner.query(
    `UPDATE ledger.events e SET (${columns}) = (SELECT ${columns} FROM kept_0 k WHERE k.position = CASE e.position WHEN $1 THEN $2::bigint ELSE $1::bigint END)
     WHERE position IN ($1, $2)`,
    [one, other],
  )
}

test.each([0, 2])("a log in many segments holds, read by %i threads", async (threads) => {
  expect(await verify(threads)).toMatchObject({ ok: true, events: BigInt(original.length), accounts: 40 })
})

describe.each([0, 2])("with %i threads, verify finds", (threads) => {
  const before = "its previous hash is not the hash of the event before it"
  const content = "its content does not give its hash"
  const kinds: [string, number, string | RegExp, () => Promise<unknown>][] = [
    [
      "an event dropped at the end of a segment",
      257,
      "position 256 is missing",
      set("DELETE FROM ledger.events WHERE position = 256"),
    ],
    [
      "an event dropped at the beginning of a segment",
      258,
      "position 257 is missing",
      set("DELETE FROM ledger.events WHERE position = 257"),
    ],
    [
      "an event dropped within a segment",
      301,
      "position 300 is missing",
      set("DELETE FROM ledger.events WHERE position = 300"),
    ],
    [
      "a segment that is gone",
      513,
      "position 257 is missing",
      set("DELETE FROM ledger.events WHERE position BETWEEN 257 AND 512"),
    ],
    [
      "more than a segment that is gone",
      601,
      "position 257 is missing",
      set("DELETE FROM ledger.events WHERE position BETWEEN 257 AND 600"),
    ],
    ["the first event gone", 2, "position 1 is missing", set("DELETE FROM ledger.events WHERE position = 1")],
    [
      "the last event gone",
      events - 1,
      /^the log ends at \d+, the head says \d+: the tail was lost/,
      async () => {
        await owner.query("DELETE FROM ledger.events WHERE position = (SELECT position FROM ledger.head)")
      },
    ],
    ["two events swapped across a border", 256, before, swap(256, 257)],
    ["two events swapped within a segment", 300, before, swap(300, 301)],
    [
      "a hash at the end of a segment",
      512,
      content,
      set("UPDATE ledger.events SET hash = sha256('x') WHERE position = 512"),
    ],
    [
      "a previous hash at the beginning of a segment",
      513,
      before,
      set("UPDATE ledger.events SET prev_hash = sha256('x') WHERE position = 513"),
    ],
    [
      "a segment hashed anew by itself",
      513,
      before,
      () =>
        rehash(300, 512, (event) =>
          event.position === 300n ? { ...event, recordedAt: eventAt(299).recordedAt } : event,
        ),
    ],
    [
      "details at the end of a segment",
      768,
      "its details do not give their hash",
      set("UPDATE ledger.events SET details = '{}' WHERE position = 768"),
    ],
    [
      "details erased without a word",
      700,
      /^its details are gone, and no DetailsRedacted names it/,
      set("UPDATE ledger.events SET details = NULL, salt = NULL WHERE position = 700"),
    ],
    [
      "the first of two problems in two segments",
      400,
      content,
      set("UPDATE ledger.events SET causation = 'x' WHERE position IN (400, 900)"),
    ],
    [
      "an event before the problem that the log contradicts",
      290,
      /^the event says the balance becomes/,
      async () => {
        await rehash(290, 400, (event) =>
          event.position === 290n ? { ...event, balanceAfter: (event.balanceAfter ?? 0n) + 1n } : event,
        )
        await owner.query("UPDATE ledger.events SET causation = 'x' WHERE position = 350")
      },
    ],
    [
      "a time that goes back at a border",
      513,
      "it was recorded before the event before it",
      () =>
        rehash(513, original.length, (event) =>
          event.position === 513n ? { ...event, recordedAt: new Date(0) } : event,
        ),
    ],
    [
      "an operation that goes on behind a border under another key",
      0,
      /^ledger\.operations, row of operation_id/,
      async () => {
        await owner.query(
          "UPDATE ledger.operations SET last_position = 256 WHERE first_position <= 256 AND last_position > 256",
        )
      },
    ],
    [
      "an item of another amount",
      600,
      /^settlement\.batch_items, row of position 600: amount/,
      set("UPDATE settlement.batch_items SET amount = amount + 1 WHERE position = 600"),
    ],
    [
      "an item that is gone behind a border",
      513,
      /^settlement\.batch_items lacks the row of position 513/,
      set("DELETE FROM settlement.batch_items WHERE position = 513"),
    ],
  ]
  test.each(kinds)("%s", async (_, position, problem, change) => {
    const result = await tampered(change, threads)
    expect(result).toMatchObject({
      ok: false,
      problem: typeof problem === "string" ? problem : expect.stringMatching(problem),
      ...(position === 0
        ? {}
        : {
            position:
              typeof problem === "object" && problem.source.startsWith("^the log ends")
                ? expect.anything()
                : BigInt(position),
          }),
    })
  })
})

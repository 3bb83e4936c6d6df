import pg from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { readEvents, type StoredEvent } from "../../../ledger/store/read-events.ts"
import { seedLog } from "../../bench/seed-log.ts"
import { rewriteLog } from "../../support/rewrite-log.ts"
import { runCli } from "../../support/run-cli.ts"
import { createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"

// What only the owner of the tables can write: the constraints are gone, and every hash is made anew.
let ledger: TestLedger
let owner: pg.Client
let original: readonly StoredEvent[]

beforeAll(async () => {
  ledger = await createTestLedger()
  await seedLog({
    databaseUrl: ledger.database.ownerUrl,
    ledgerId: ledger.ledgerId,
    tokenId: ledger.tokenId,
    reasons: [{ reasonType: "reward", businessType: "reward", priority: "normal", metadataKeys: ["a"] }],
    events: 300,
    users: 10,
    settledShare: 0,
  })
  owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
  original = await readEvents(ledger.db, ledger.ledgerId, 0n, 10_000)
})
afterAll(async () => {
  await owner?.end()
  await ledger?.close()
})

/** Runs one change, and puts everything back. */
async function forged(change: () => Promise<unknown>): Promise<unknown> {
  const tables = ["ledger.events", "ledger.head", "settlement.batch_items"]
  await owner.query("SET session_replication_role = replica")
  for (const [index, table] of tables.entries())
    await owner.query(`CREATE TEMP TABLE kept_${index} AS TABLE ${table}`)
  const { rows: checks } = await owner.query<{ name: string; of: string; definition: string }>(`
    SELECT conname AS name, conrelid::regclass AS of, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE contype = 'c' AND conrelid IN ('ledger.events'::regclass, 'settlement.batch_items'::regclass)`)
  try {
    for (const { name, of } of checks) await owner.query(`ALTER TABLE ${of} DROP CONSTRAINT ${name}`)
    await change()
    return await verifyLedger(ledger.db, ledger.ledgerId)
  } finally {
    for (const [index, table] of tables.entries())
      await owner.query(
        `DELETE FROM ${table}; INSERT INTO ${table} TABLE kept_${index}; DROP TABLE kept_${index}`,
      )
    for (const { name, of, definition } of checks)
      await owner.query(`ALTER TABLE ${of} ADD CONSTRAINT ${name} ${definition}`)
  }
}

const rewrite = (change: (event: StoredEvent) => StoredEvent) => rewriteLog(owner, ledger, change)
const at = (position: number) => (change: Partial<StoredEvent>) => (event: StoredEvent) =>
  event.position === BigInt(position) ? { ...event, ...change } : event
const set = (text: string) => () => owner.query(`UPDATE ledger.events SET ${text} WHERE position = 200`)
const last = () => original.length

describe("verify names", () => {
  const both = "it has details or a salt, and not both"
  test.each<[string, bigint | null, string | RegExp, () => Promise<unknown>]>([
    ["other details, whose salt is gone", 200n, both, set("salt = NULL, details = '{}'")],
    ["a salt whose details are gone", 200n, both, set("details = NULL")],
    [
      "details that nothing vouches for",
      200n,
      "its details do not give their hash",
      () => rewrite(at(200)({ detailsHash: null })),
    ],
    [
      "a change of no account",
      200n,
      "AdjustmentRecorded without an account",
      () => rewrite(at(200)({ accountId: null, amount: null, balanceAfter: null })),
    ],
    [
      "a change of an account that does not say by how much",
      200n,
      "AdjustmentRecorded without an account",
      () => rewrite(at(200)({ amount: null })),
    ],
    [
      "an item before the first event",
      null,
      /^settlement\.batch_items has a row of position 0/,
      () => item(0),
    ],
    [
      "an item of a negative position",
      null,
      /^settlement\.batch_items has a row of position -7/,
      () => item(-7),
    ],
  ])("%s", async (_, position, problem, change) => {
    expect(await forged(change)).toMatchObject({
      ok: false,
      position,
      problem: typeof problem === "string" ? problem : expect.stringMatching(problem),
    })
  })

  test.each([
    ["more", 2n ** 256n],
    ["less", -(2n ** 256n)],
  ])("a balance that is %s than a token can have", async (_, balanceAfter) => {
    const event = original.at(-1)
    const amount = balanceAfter - (event?.balanceAfter ?? 0n) + (event?.amount ?? 0n)
    const result = await forged(() => rewrite(at(last())({ amount, balanceAfter })))
    expect(result).toMatchObject({
      position: BigInt(last()),
      problem: expect.stringMatching(/^account \d+: -?\d{78} is more than a token can have$/),
    })
  })

  test("no balance that a token can have", async () => {
    const event = original.at(-1)
    const balanceAfter = 2n ** 256n - 1n
    const amount = balanceAfter - (event?.balanceAfter ?? 0n) + (event?.amount ?? 0n)
    const result = await forged(() => rewrite(at(last())({ amount, balanceAfter })))
    // The log holds; the table of balances has another figure.
    expect(result).toMatchObject({ problem: expect.stringMatching(/^ledger\.balances, account/) })
  })
})

const item = (position: number) =>
  owner.query(
    `INSERT INTO settlement.batch_items (ledger_id, position, account_id, token_id, amount, priority, is_immediate, deadline, recorded_at, state)
     SELECT ledger_id, $1, account_id, token_id, 1000000, 1, false, now(), now(), 'waiting' FROM ledger.accounts LIMIT 1`,
    [position],
  )

test("the database refuses an item before the first event", async () => {
  await owner.query("SET session_replication_role = origin")
  await expect(item(0)).rejects.toThrow(/batch_items_position_check/)
})

test("the command goes on to the next ledger behind one that does not hold and one that cannot be read", async () => {
  const ids = [await insertLedger(ledger.db), await insertLedger(ledger.db)]
  await owner.query("SET session_replication_role = replica")
  await owner.query("UPDATE registry.ledgers SET name = 'c-whole' WHERE ledger_id = $1", [ledger.ledgerId])
  await owner.query("UPDATE registry.ledgers SET name = 'a-unreadable' WHERE ledger_id = $1", [ids[0]])
  await owner.query("UPDATE registry.ledgers SET name = 'b-broken' WHERE ledger_id = $1", [ids[1]])
  await owner.query("DELETE FROM ledger.head WHERE ledger_id = $1", [ids[0]])
  await owner.query("UPDATE ledger.head SET position = 3 WHERE ledger_id = $1", [ids[1]])
  const { code, stdout } = await runCli(["verify"], { DATABASE_URL: ledger.database.appUrl }).ended
  expect(stdout.split("\n").filter((line) => !line.startsWith(" "))).toEqual([
    expect.stringMatching(/^FAILED a-unreadable .*: there is no ledger/),
    expect.stringMatching(/^FAILED b-broken .*: the log ends at 0, the head says 3/),
    expect.stringMatching(/^ok c-whole .* events, 10 accounts/),
    "",
  ])
  expect(code).toBe(1)
})

import type { Kysely } from "kysely"
import pg from "pg"
import { afterEach, beforeEach, expect, test } from "vitest"
import { readBatchChanges } from "../../../api/queries/batches.ts"
import { readHistory } from "../../../api/queries/history.ts"
import { archiveEvents, listPartitions } from "../../../ledger/archive/archive-events.ts"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { createLedgerWriter, type LedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import { createKysely, createPool } from "../../../platform/postgres.ts"
import { settleByHand } from "../../support/settle-by-hand.ts"
import { makeSmallPartitions } from "../../support/small-partitions.ts"
import { adjustCommand, createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"

let ledger: TestLedger
let owner: pg.Client
let ownerPool: pg.Pool
let ownerDb: Kysely<Database>

beforeEach(async () => {
  ledger = await createTestLedger()
  await makeSmallPartitions(ledger.database.ownerUrl, 100, 10_000)
  owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
  ownerPool = createPool({
    databaseUrl: ledger.database.ownerUrl,
    applicationName: "test-owner",
    connectionsMax: 2,
  })
  ownerDb = createKysely<Database>(ownerPool)
})
afterEach(async () => {
  await owner.end()
  await ownerDb.destroy()
  await ledger.close()
})

function writerOf(ledgerId: string): LedgerWriter {
  return createLedgerWriter({
    db: ledger.db,
    writerPool: ledger.writerPool,
    ledgerId,
    tokens: createTokenDirectory(ledger.db, ledgerId),
    logger: createLogger("test"),
  })
}

/** So many events: the accounts' openings come on top. */
async function write(writer: LedgerWriter, prefix: string, changes: number): Promise<void> {
  for (let done = 0; done < changes; done += 10) {
    const users = Array.from({ length: 10 }, (_, index) => [`user-${index}`, 1n] as const)
    const result = await writer.execute(adjustCommand(ledger.tokenId, `${prefix}-${done}`, users))
    expect(result.outcome).toBe("recorded")
  }
}

async function logOf(ledgerId: string): Promise<unknown[]> {
  const { rows } = await owner.query(
    "SELECT position, hash, details::text FROM ledger.event_log WHERE ledger_id = $1 ORDER BY position",
    [ledgerId],
  )
  return rows
}

async function archive(through: bigint): Promise<[bigint, bigint][]> {
  const moved: [bigint, bigint][] = []
  await archiveEvents(ownerDb, through, (partition, events) => moved.push([partition.first_position, events]))
  return moved
}

async function countIn(table: string, ledgerId: string): Promise<number> {
  const { rows } = await owner.query(`SELECT count(*)::int AS n FROM ${table} WHERE ledger_id = $1`, [
    ledgerId,
  ])
  return rows[0].n
}

test("old partitions are moved, the log reads and verifies as before, and everybody writes on", async () => {
  const large = ledger.ledgerId
  const small = await insertLedger(ledger.db)
  const [largeWriter, smallWriter] = [writerOf(large), writerOf(small)]
  await write(largeWriter, "a", 450)
  await write(smallWriter, "a", 50)
  const before = { large: await logOf(large), small: await logOf(small) }

  expect(await archive(400n)).toEqual([
    [1n, 100n],
    [101n, 100n],
    [201n, 100n],
    [301n, 100n],
  ])
  expect(await logOf(large)).toEqual(before.large)
  expect(await logOf(small)).toEqual(before.small)
  expect(await countIn("archive.events", large)).toBe(400)
  expect(await countIn("ledger.events", large)).toBe(60)
  expect(await countIn("archive.events", small)).toBe(0)
  expect(await verifyLedger(ledger.db, large)).toMatchObject({ ok: true, events: 460n })
  expect(await verifyLedger(ledger.db, small)).toMatchObject({ ok: true, events: 60n })
  expect(await archive(400n)).toEqual([])

  await write(largeWriter, "b", 50)
  await write(smallWriter, "b", 100)
  await write(writerOf(await insertLedger(ledger.db)), "b", 10)
  const partitions = await listPartitions(ledger.db)
  expect(partitions.slice(0, 2)).toMatchObject([
    { first_position: 1n, ledgers: 2n, unfinished: 1n },
    { first_position: 101n, ledgers: 1n, unfinished: 1n },
  ])
  // The small ledger has passed the first partition: its events follow the others.
  expect(await archive(100n)).toEqual([[1n, 100n]])
  expect(await countIn("archive.events", small)).toBe(100)
  expect(await verifyLedger(ledger.db, large)).toMatchObject({ ok: true, events: 510n })
  expect(await verifyLedger(ledger.db, small)).toMatchObject({ ok: true, events: 160n })
})

test("nothing is lost or written twice while partitions are archived under load", async () => {
  const writer = writerOf(ledger.ledgerId)
  await write(writer, "first", 300)
  let isDone = false
  const load = (async () => {
    for (let round = 0; !isDone; round += 1) await write(writer, `round-${round}`, 20)
  })()
  const moved = [...(await archive(100n)), ...(await archive(200n)), ...(await archive(300n))]
  isDone = true
  await load
  expect(moved.map(([, events]) => events)).toEqual([100n, 100n, 100n])
  const { rows } = await owner.query(
    "SELECT count(*)::int AS n, count(DISTINCT position)::int AS positions, max(position)::int AS last FROM ledger.event_log",
  )
  expect(rows[0].n).toBe(rows[0].last)
  expect(rows[0].positions).toBe(rows[0].last)
  expect(await verifyLedger(ledger.db, ledger.ledgerId)).toMatchObject({ ok: true })
})

test("the archive is append-only for everybody, and verify finds what was changed in it", async () => {
  const writer = writerOf(ledger.ledgerId)
  await write(writer, "a", 250)
  await archive(200n)
  const app = new pg.Client({ connectionString: ledger.database.appUrl })
  await app.connect()
  for (const client of [owner, app]) {
    for (const table of ["archive.events", "archive.events_from_1"]) {
      for (const statement of [
        `UPDATE ${table} SET amount = 2 WHERE position = 20`,
        `DELETE FROM ${table} WHERE position = 20`,
        `TRUNCATE ${table}`,
      ]) {
        await expect(client.query(statement), statement).rejects.toMatchObject({ code: "42501" })
      }
    }
  }
  await app.end()
  await owner.query("ALTER TABLE archive.events DISABLE TRIGGER USER")
  await owner.query("UPDATE archive.events SET amount = 2 WHERE position = 20")
  expect(await verifyLedger(ledger.db, ledger.ledgerId)).toMatchObject({ ok: false, position: 20n })
})

test("details in the archive can be erased, and nothing else", async () => {
  const writer = writerOf(ledger.ledgerId)
  await write(writer, "a", 250)
  await archive(200n)
  const { rows } = await owner.query("SELECT ledger.redact_details($1, '{15,150,215}') AS redacted", [
    ledger.ledgerId,
  ])
  expect(rows[0].redacted).toBe(3n)
  const { rows: left } = await owner.query(
    "SELECT position FROM ledger.event_log WHERE details_hash IS NOT NULL AND details IS NULL ORDER BY position",
  )
  expect(left.map(({ position }) => position)).toEqual([15n, 150n, 215n])
})

test("a reader that stays in a partition is waited for, and then nothing has moved", async () => {
  await write(writerOf(ledger.ledgerId), "a", 150)
  await owner.query("BEGIN")
  await owner.query("SELECT count(*) FROM ledger.events")
  await expect(archive(100n)).rejects.toMatchObject({ code: "ARCHIVE_BUSY", retryable: true })
  await owner.query("COMMIT")
  expect(await archive(100n)).toEqual([[1n, 100n]])
})

test("whoever asks while a partition follows others into the archive finds all of it", async () => {
  const small = await insertLedger(ledger.db)
  await write(writerOf(ledger.ledgerId), "a", 150)
  const writer = writerOf(small)
  await write(writer, "a", 50)
  expect(await archive(100n)).toEqual([[1n, 100n]])
  await write(writer, "b", 100)
  const settlement = await settleByHand(ledger.db, small, ledger.tokenId)
  await settlement.takeIn()
  await settlement.seal()
  const { batch_id: batchId } = await ledger.db
    .selectFrom("settlement.batches")
    .select("batch_id")
    .where("ledger_id", "=", small)
    .executeTakeFirstOrThrow()
  const readBatch = () => readBatchChanges(ledger.db, small, batchId, null, 500)
  const before = await readBatch()
  expect(before?.changes.length).toBeGreaterThan(100)
  // The archiving waits for us, and everybody who comes later for the archiving.
  await owner.query("BEGIN")
  await owner.query("SELECT count(*) FROM ledger.events")
  const archived = archive(100n)
  const whenWaiting = (count: number) =>
    waitUntil(
      async () => {
        const { rows } = await owner.query(
          "SELECT count(DISTINCT pid)::int AS n FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        )
        return rows[0].n >= count
      },
      { what: `${count} wait` },
    )
  await whenWaiting(1)
  const asked = Promise.all([verifyLedger(ledger.db, small), readBatch()])
  await whenWaiting(3)
  await owner.query("COMMIT")
  expect(await archived).toEqual([[1n, 100n]])
  const [verified, batch] = await asked
  expect(verified).toMatchObject({ ok: true })
  expect(batch).toEqual(before)
})

test("a query that is kept prepared reads on, over partitions that are filled and moved meanwhile", async () => {
  const writer = writerOf(ledger.ledgerId)
  const pool = createPool({ databaseUrl: ledger.database.appUrl, applicationName: "test", connectionsMax: 1 })
  const db = createKysely<Database>(pool)
  await write(writer, "first", 50)
  const { account_id: accountId } = await db
    .selectFrom("ledger.accounts")
    .select("account_id")
    .where("user_id", "=", "user-3")
    .executeTakeFirstOrThrow()
  const read = async () =>
    (await readHistory(db, ledger.ledgerId, [accountId], {}, null, 500)).rows.map(({ position }) => position)
  const recorded = async () => {
    const { rows } = await owner.query<{ position: bigint }>(
      "SELECT position FROM ledger.event_log WHERE account_id = $1 AND type = 'AdjustmentRecorded' ORDER BY position DESC",
      [accountId],
    )
    return rows.map(({ position }) => position)
  }
  // From the sixth time on a plan may serve every value.
  for (let times = 0; times < 8; times += 1) expect(await read()).toHaveLength(5)
  await write(writer, "second", 300)
  expect(await read()).toEqual(await recorded())
  expect(await archive(200n)).toHaveLength(2)
  expect(await read()).toEqual(await recorded())
  expect(await read()).toHaveLength(35)
  const { rows } = await pool.query(
    "SELECT generic_plans FROM pg_prepared_statements WHERE name = 'api-history-1'",
  )
  expect(rows).toHaveLength(1)
  expect(rows[0].generic_plans).toBeGreaterThan(0n)
  await db.destroy()
})

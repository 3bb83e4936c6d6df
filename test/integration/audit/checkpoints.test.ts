import { spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { sql } from "kysely"
import pg from "pg"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { findDueLedgers } from "../../../ledger/audit/find-due-ledgers.ts"
import { makeCheckpoint } from "../../../ledger/audit/make-checkpoint.ts"
import { readCheckpoint } from "../../../ledger/audit/read-checkpoints.ts"
import { type CheckpointStatus, runCheckpoints } from "../../../ledger/audit/run-checkpoints.ts"
import { verifyCheckpoints } from "../../../ledger/audit/verify-checkpoints.ts"
import { recordFindings } from "../../../ledger/confirmations/record-findings.ts"
import { auditKeyOf } from "../../../ledger/domain/audit-key.ts"
import { openNote } from "../../../ledger/domain/checkpoint-note.ts"
import type { Finding } from "../../../ledger/domain/decide-confirmations.ts"
import { createBlockRoots } from "../../../ledger/domain/merkle-blocks.ts"
import { createMerkleBuilder } from "../../../ledger/domain/merkle-builder.ts"
import { lockHead } from "../../../ledger/store/ledger-transaction.ts"
import { createLogger } from "../../../platform/logger.ts"
import type { DyingCheckpointOptions } from "../../support/dying-checkpoints.ts"
import { fillLedger } from "../../support/fill-ledger.ts"
import { inherited } from "../../support/inherited.ts"
import { sampled } from "../../support/sampled.ts"
import { createTestLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"

const key = auditKeyOf(Buffer.alloc(32, 1))
const logger = createLogger("test", "silent")

let ledger: TestLedger
let owner: pg.Client
beforeEach(async () => {
  ledger = await createTestLedger()
  owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
})
afterEach(async () => {
  await owner.end()
  await ledger.close()
})

async function hashes(): Promise<Buffer[]> {
  const { rows } = await owner.query<{ hash: Buffer }>(
    "SELECT hash FROM ledger.events WHERE ledger_id = $1 ORDER BY position",
    [ledger.ledgerId],
  )
  return rows.map(({ hash }) => hash)
}

async function sizes(): Promise<string[]> {
  const { rows } = await owner.query(
    "SELECT coalesce(previous_size, 0) AS a, tree_size AS b FROM ledger.checkpoints ORDER BY tree_size",
  )
  return rows.map(({ a, b }) => `${a}-${b}`)
}

async function verify() {
  const log = await hashes()
  const blocks = createBlockRoots()
  for (const hash of log) blocks.add(hash)
  return ledger.db
    .transaction()
    .execute((trx) => verifyCheckpoints(trx, ledger.ledgerId, BigInt(log.length), blocks.finish()))
}

const make = () => makeCheckpoint(ledger.db, ledger.ledgerId, key, new Date())

/** As a confirmation of its log records it. */
async function anchor(treeSize: bigint, root: Buffer, at: number): Promise<bigint> {
  const { db, ledgerId } = ledger
  const hash = `0x${at.toString(16).padStart(64, "0")}`
  const place = {
    chainId: 31_337,
    blockNumber: BigInt(at),
    blockHash: hash,
    blockTime: at,
    logIndex: 0,
    transactionHash: hash,
  }
  const args = {
    ledgerId: `0x${ledgerId.replaceAll("-", "").padStart(64, "0")}`,
    treeSize,
    root: `0x${root.toString("hex")}`,
  }
  const log = { ...place, address: `0x${"77".repeat(20)}`, kind: "CheckpointAnchored" as const, args }
  return db.transaction().execute(async (trx) => {
    const head = await lockHead(trx, ledgerId)
    await recordFindings(
      trx,
      new Map([[ledgerId, head]]),
      [{ kind: "anchored", log, ledgerId } as Finding],
      new Date(),
    )
    return head.position
  })
}

test("a checkpoint says the root of the log and signs it; the next one goes on from there", async () => {
  expect(await make()).toBeNull()
  await fillLedger(ledger, 700)
  const first = await make()
  const log = await hashes()
  const tree = createMerkleBuilder()
  for (const hash of log) tree.add(hash)
  expect(first).toMatchObject({ treeSize: BigInt(log.length), root: tree.root(), headHash: log.at(-1) })
  const stored = await readCheckpoint(ledger.db, ledger.ledgerId, BigInt(log.length))
  expect(openNote(stored?.note ?? "", key.publicKey)).toMatchObject({ checkpoint: first })
  expect(await make()).toBeNull()

  await fillLedger(ledger, 40_000)
  const second = await make()
  for (const hash of (await hashes()).slice(log.length)) tree.add(hash)
  expect(second?.root).toEqual(tree.root())
  expect(await sizes()).toEqual(["0-710", "710-40710"])
  const { rows } = await owner.query(
    "SELECT level, count(*)::int AS n FROM ledger.merkle_nodes GROUP BY level ORDER BY level",
  )
  expect(rows.map(({ level, n }) => [level, n])).toEqual(
    [8, 9, 10, 11, 12, 13, 14, 15].map((level) => [level, Math.floor(40_710 / 2 ** level)]),
  )
  expect(await verify()).toBeNull()
})

test("whoever is slow: a checkpoint is never dated before the event that it covers, nor before the last one", async () => {
  await fillLedger(ledger, 1)
  const early = await makeCheckpoint(ledger.db, ledger.ledgerId, key, new Date(0))
  const { rows } = await owner.query("SELECT max(recorded_at) AS at FROM ledger.events")
  expect(early?.createdAt).toEqual(rows[0].at)
})

test("several workers make each checkpoint once, while others write", async () => {
  await sql`INSERT INTO registry.checkpoint_policy (events, interval_ms) VALUES (200, 50)`.execute(ledger.db)
  const workers = Array.from({ length: 4 }, () => runCheckpoints({ db: ledger.db, logger, key }))
  try {
    await waitUntil(
      async () => {
        await fillLedger(ledger, 300)
        return (await sizes()).length > 4
      },
      { what: "checkpoints are made while others write" },
    )
    const written = BigInt((await hashes()).length)
    await waitUntil(
      async () =>
        (await readCheckpoint(ledger.db, ledger.ledgerId, "newest"))?.checkpoint.treeSize === written,
      { what: "the last event is covered" },
    )
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()))
  }
  const made = await sizes()
  // One chain: each begins where the one before it ends.
  expect(made.map((size) => size.split("-")[0])).toEqual([
    "0",
    ...made.slice(0, -1).map((size) => size.split("-")[1]),
  ])
  expect(await verify()).toBeNull()
})

describe("killed", () => {
  const file = fileURLToPath(new URL("../../support/dying-checkpoints.ts", import.meta.url))

  async function dieAt(dieAt: number, isSent: boolean): Promise<string | null> {
    const { ledgerId } = ledger
    const options: DyingCheckpointOptions = {
      ...{ databaseUrl: ledger.database.appUrl, ledgerId, dieAt, isSent },
    }
    const child = spawn(process.execPath, [file], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...inherited, TEST_CHECKPOINT: JSON.stringify(options), LOG_LEVEL: "silent" },
    })
    const [, signal] = await once(child, "exit")
    return signal as string | null
  }

  test.each(sampled([false, true], 1))(
    "before any statement or while it runs (%s), it leaves nothing that the next one cannot go on from",
    async (isSent) => {
      let deaths = 0
      for (;;) {
        // More than one step of nodes, and another one each time.
        await fillLedger(ledger, deaths === 0 ? 17_000 : 300)
        const signal = await dieAt(deaths, isSent)
        if (signal === null) break
        expect(signal).toBe("SIGKILL")
        deaths += 1
        if (deaths % 3 === 0) await make()
        expect(await verify()).toBeNull()
      }
      expect(deaths).toBeGreaterThan(10)
      await make()
      expect(await verify()).toBeNull()
      const stored = await readCheckpoint(ledger.db, ledger.ledgerId, "newest")
      expect(stored?.checkpoint.treeSize).toBe(BigInt((await hashes()).length))
    },
    120_000,
  )
})

describe("the database refuses", () => {
  beforeEach(async () => {
    await fillLedger(ledger, 20)
    await make()
    await fillLedger(ledger, 20)
    await make()
  })
  const copy = (previous: string, size: string) => `
    INSERT INTO ledger.checkpoints SELECT ledger_id, ${size}, ${previous}, root, head_hash, signature, key_id, created_at, NULL
    FROM ledger.checkpoints WHERE tree_size = 50`

  test.each([
    ["a second first checkpoint", copy("NULL", "7"), /duplicate key/],
    ["two that extend the same one", copy("30", "60"), /duplicate key/],
    ["one that extends none that is there", copy("31", "60"), /foreign key/],
    ["one that does not grow", copy("50", "45"), /check constraint/],
    ["another root", "UPDATE ledger.checkpoints SET root = root", /permission denied/],
    ["to forget one", "DELETE FROM ledger.checkpoints", /permission denied/],
    ["another node", "UPDATE ledger.merkle_nodes SET hash = hash", /permission denied/],
    ["another key", "UPDATE registry.audit_keys SET public_key = public_key", /permission denied/],
    ["to forget a key", "DELETE FROM registry.audit_keys", /permission denied/],
    [
      "a key under another name",
      `INSERT INTO registry.audit_keys (key_id, public_key) VALUES ('x', '\\x${"01".repeat(32)}')`,
      /check constraint/,
    ],
  ])("%s", async (_, statement, message) => {
    await expect(ledger.pool.query(statement)).rejects.toThrow(message)
  })

  test("but not to say where a checkpoint is anchored", async () => {
    await ledger.pool.query("UPDATE ledger.checkpoints SET anchored_position = 99 WHERE tree_size = 30")
  })
})

test("a log that was altered is not signed again: it alarms until it is what it was", async () => {
  await sql`INSERT INTO registry.checkpoint_policy (events, interval_ms) VALUES (1, 50)`.execute(ledger.db)
  await fillLedger(ledger, 300)
  await make()
  const alter = (hash: string) =>
    owner.query(`BEGIN; SET LOCAL session_replication_role = replica;
      UPDATE ledger.events SET hash = ${hash} WHERE position = 300; COMMIT`)
  const { rows } = await owner.query(
    "SELECT encode(hash, 'hex') AS hash FROM ledger.events WHERE position = 300",
  )
  await alter("sha256(hash)")
  await fillLedger(ledger, 1)
  const worker = runCheckpoints({ db: ledger.db, logger, key })
  const open = async () =>
    (await owner.query("SELECT kind, message FROM registry.alarms WHERE cleared_at IS NULL")).rows
  try {
    await waitUntil(async () => (await open()).length === 1, { what: "it alarms" })
    expect(await open()).toEqual([
      { kind: "checkpoint_failing", message: expect.stringContaining("do not give the root") },
    ])
    expect(worker.status()).toMatchObject({ state: "failing" })
    expect(await sizes()).toEqual(["0-310"])
    await alter(`'\\x${rows[0].hash}'`)
    await waitUntil(async () => (await open()).length === 0, { what: "the alarm is cleared" })
    expect(await sizes()).toEqual(["0-310", "310-311"])
  } finally {
    await worker.stop()
  }
})

test("without a key nothing is signed, and the status says so", async () => {
  await fillLedger(ledger, 3)
  const worker = runCheckpoints({ db: ledger.db, logger, key: null })
  expect(worker.status()).toEqual({ state: "no_key", key_id: null, last: null } satisfies CheckpointStatus)
  await worker.stop()
})

test("old checkpoints stay verifiable when another key signs", async () => {
  await fillLedger(ledger, 3)
  await make()
  await fillLedger(ledger, 3)
  await makeCheckpoint(ledger.db, ledger.ledgerId, auditKeyOf(Buffer.alloc(32, 2)), new Date())
  expect(await verify()).toBeNull()
  const [first, second] = [
    await readCheckpoint(ledger.db, ledger.ledgerId, 6n),
    await readCheckpoint(ledger.db, ledger.ledgerId, "newest"),
  ]
  expect(first?.publicKey).toEqual(key.publicKey)
  expect(second?.publicKey).toEqual(auditKeyOf(Buffer.alloc(32, 2)).publicKey)
})

test("a ledger is due after so many events or so long, and an anchor alone is no reason", async () => {
  const due = (events: bigint, intervalMs: bigint) => findDueLedgers(ledger.db, { events, intervalMs })
  expect(await due(1n, 1n)).toEqual([])
  await fillLedger(ledger, 10)
  expect(await due(21n, 60_000n)).toEqual([])
  expect(await due(20n, 60_000n)).toEqual([ledger.ledgerId])
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(await due(21n, 10n)).toEqual([ledger.ledgerId])
  const made = await make()
  expect(await due(1n, 1n)).toEqual([])
  await anchor(20n, made?.root ?? Buffer.alloc(0), 1)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(await due(1n, 1n)).toEqual([])
  await fillLedger(ledger, 1)
  expect(await due(1n, 60_000n)).toEqual([ledger.ledgerId])
})

describe("verify names", () => {
  beforeEach(async () => {
    await fillLedger(ledger, 600)
    await make()
    await fillLedger(ledger, 600)
    const second = await make()
    expect(await anchor(second?.treeSize ?? 0n, second?.root ?? Buffer.alloc(0), 5)).toBe(1211n)
    expect(await verify()).toBeNull()
  })

  test.each([
    [
      "a node",
      513n,
      /level 9, index 1: the row is not/,
      "UPDATE ledger.merkle_nodes SET hash = sha256(hash) WHERE level = 9 AND index = 1",
    ],
    [
      "a node that is gone",
      1n,
      /level 10, index 0: the row is missing/,
      "DELETE FROM ledger.merkle_nodes WHERE level = 10",
    ],
    [
      "a block that is gone",
      257n,
      /level 8, index 1: the row is missing/,
      "DELETE FROM ledger.merkle_nodes WHERE level = 8 AND index = 1",
    ],
    [
      "the last block",
      769n,
      /level 8, index 3: the row is missing/,
      "DELETE FROM ledger.merkle_nodes WHERE level = 8 AND index = 3",
    ],
    [
      "a node too many",
      1025n,
      /level 8, index 4: the row is not/,
      "INSERT INTO ledger.merkle_nodes SELECT ledger_id, 8, 4, hash FROM ledger.merkle_nodes WHERE level = 10",
    ],
    [
      "a root",
      610n,
      /tree size 610: its root is/,
      "UPDATE ledger.checkpoints SET root = sha256(root) WHERE tree_size = 610",
    ],
    [
      "a head",
      610n,
      /its head is/,
      "UPDATE ledger.checkpoints SET head_hash = sha256(root) WHERE tree_size = 610",
    ],
    [
      "a signature",
      1210n,
      /signature does not hold/,
      "UPDATE ledger.checkpoints SET signature = set_byte(signature, 3, 255 - get_byte(signature, 3)) WHERE tree_size = 1210",
    ],
    [
      "the time of a checkpoint",
      610n,
      /signature does not hold/,
      "UPDATE ledger.checkpoints SET created_at = created_at + interval '1 ms' WHERE tree_size = 610",
    ],
    [
      "the key of a checkpoint",
      610n,
      /signature does not hold/,
      `INSERT INTO registry.audit_keys SELECT left(encode(sha256(k), 'hex'), 32), k FROM (SELECT '\\x${"05".repeat(32)}'::bytea AS k) AS x;
       UPDATE ledger.checkpoints SET key_id = (SELECT key_id FROM registry.audit_keys WHERE public_key = '\\x${"05".repeat(32)}') WHERE tree_size = 610`,
    ],
    [
      "a checkpoint of a log that was longer",
      1300n,
      /its root is .* gives undefined|covers 1300 events/,
      "UPDATE ledger.checkpoints SET anchored_position = NULL; UPDATE ledger.checkpoints SET tree_size = 1300 WHERE tree_size = 1210",
    ],
    [
      "an anchor that is not in the log",
      700n,
      /tree size 610: it names an anchor/,
      "UPDATE ledger.checkpoints SET anchored_position = 700 WHERE tree_size = 610",
    ],
    [
      "an anchor that a checkpoint does not name",
      1211n,
      /does not say so/,
      "UPDATE ledger.checkpoints SET anchored_position = NULL",
    ],
  ])("%s", async (_, position, message, statement) => {
    await owner.query(`SET session_replication_role = replica; ${statement}`)
    const problem = await verify()
    expect(problem?.problem).toMatch(message)
    if (problem?.position !== null) expect(problem?.position).toBe(position)
  })
})

import { randomUUID } from "node:crypto"
import { sql } from "kysely"
import pg from "pg"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { makeCheckpoint } from "../../../ledger/audit/make-checkpoint.ts"
import { readCheckpoint } from "../../../ledger/audit/read-checkpoints.ts"
import { runCheckpoints } from "../../../ledger/audit/run-checkpoints.ts"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { type AuditKey, auditKeyOf } from "../../../ledger/domain/audit-key.ts"
import { type Checkpoint, checkpointText } from "../../../ledger/domain/checkpoint-note.ts"
import { createMerkleBuilder } from "../../../ledger/domain/merkle-builder.ts"
import { createLogger } from "../../../platform/logger.ts"
import { checkBytes, exportToBytes } from "../../support/export-to-bytes.ts"
import { fillLedger } from "../../support/fill-ledger.ts"
import { rewriteLog } from "../../support/rewrite-log.ts"
import { createTestLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"

// Somebody who has the database and not the key writes the past anew. Nothing is signed of it, as far as anything is left that says what it was.
const key = auditKeyOf(Buffer.alloc(32, 1))
const foreignKey = auditKeyOf(Buffer.alloc(32, 6))
const logger = createLogger("test", "silent")

let ledger: TestLedger
let owner: pg.Client
/** What a process remembers of what it has signed. */
let seen: Map<string, Checkpoint>
beforeEach(async () => {
  ledger = await createTestLedger()
  owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
  seen = new Map()
  await fillLedger(ledger, 700)
})
afterEach(async () => {
  await owner.end()
  await ledger.close()
})

/** In the same process. */
const make = () => makeCheckpoint(ledger.db, ledger.ledgerId, key, new Date(), seen)
/** In one that has just started. */
const makeAfresh = () => makeCheckpoint(ledger.db, ledger.ledgerId, key, new Date())
const rewrite = (upTo: bigint | null = null) =>
  rewriteLog(
    owner,
    ledger,
    (event) => (event.position === 20n ? { ...event, causation: "other" } : event),
    upTo,
  )
const forget = (where = "true") =>
  owner.query(
    `BEGIN; SET LOCAL session_replication_role = replica; DELETE FROM ledger.checkpoints WHERE ${where}; COMMIT`,
  )

async function hashes(): Promise<Buffer[]> {
  const { rows } = await owner.query<{ hash: Buffer }>("SELECT hash FROM ledger.events ORDER BY position")
  return rows.map(({ hash }) => hash)
}

async function rootOf(size: number): Promise<Buffer> {
  const tree = createMerkleBuilder()
  for (const hash of (await hashes()).slice(0, size)) tree.add(hash)
  return tree.root()
}

/** Everything but the signature is made to fit the log as it is now. */
async function refit(): Promise<void> {
  await owner.query("DELETE FROM ledger.merkle_nodes")
  const log = await hashes()
  const { rows } = await owner.query<{ tree_size: string }>("SELECT tree_size FROM ledger.checkpoints")
  for (const { tree_size: size } of rows)
    await owner.query("UPDATE ledger.checkpoints SET root = $1, head_hash = $2 WHERE tree_size = $3", [
      await rootOf(Number(size)),
      log[Number(size) - 1],
      size,
    ])
}

async function signAgain(size: bigint, by: AuditKey): Promise<void> {
  await owner.query("INSERT INTO registry.audit_keys (key_id, public_key) VALUES ($1, $2)", [
    by.keyId,
    by.publicKey,
  ])
  const stored = await readCheckpoint(ledger.db, ledger.ledgerId, size)
  if (stored === null) throw new Error("there is no such checkpoint")
  await owner.query("UPDATE ledger.checkpoints SET key_id = $1, signature = $2 WHERE tree_size = $3", [
    by.keyId,
    by.sign(checkpointText({ ...stored.checkpoint, keyId: by.keyId })),
    size,
  ])
}

/** The log says that the newest checkpoint was anchored. */
async function anchored(): Promise<void> {
  const { ledgerId } = ledger
  const newest = await readCheckpoint(ledger.db, ledgerId, "newest")
  const { treeSize = 0n, root } = newest?.checkpoint ?? {}
  const data = { tree_size: Number(treeSize), root: `0x${root?.toString("hex")}` }
  await owner.query("SET session_replication_role = replica")
  await owner.query(
    `INSERT INTO ledger.confirmations (ledger_id, position, chain_id, block_number, block_hash, log_index) VALUES ($1, 9, 1, 1, 'x', 1)`,
    [ledgerId],
  )
  await owner.query(
    "UPDATE ledger.events SET type = 'CheckpointAnchored', data = $2 WHERE ledger_id = $1 AND position = 9",
    [ledgerId, data],
  )
  await owner.query("SET session_replication_role = origin")
}

async function count(): Promise<number> {
  return (await owner.query("SELECT FROM ledger.checkpoints")).rowCount ?? 0
}

describe("no checkpoint is signed behind", () => {
  test("one whose root was replaced", async () => {
    await make()
    await rewrite()
    await refit()
    await fillLedger(ledger, 5)
    for (const attempt of [make, makeAfresh])
      await expect(attempt()).rejects.toThrow(/signature of the checkpoint of 710 events does not hold/)
    expect(await count()).toBe(1)
  })

  test("one of a log whose hashes are others now", async () => {
    await make()
    await rewrite()
    await fillLedger(ledger, 5)
    await expect(makeAfresh()).rejects.toThrow(/the event at position 710 has not the hash that was signed/)
  })

  test("one that a key of somebody else has signed over a past that this one had signed", async () => {
    await make()
    await fillLedger(ledger, 300)
    const second = await make()
    await rewrite()
    await refit()
    await forget("tree_size = 710")
    // With the first one forgotten, the second one is nobody's: this one is left.
    await owner.query("UPDATE ledger.checkpoints SET previous_size = NULL")
    await signAgain(second?.treeSize ?? 0n, foreignKey)
    await fillLedger(ledger, 5)
    await expect(make()).rejects.toThrow(/does not go on from what was signed of the first 1010/)
  })

  test("one by another key that does not go on from the newest by this one", async () => {
    await make()
    await fillLedger(ledger, 300)
    await make()
    const { rows } = await owner.query("SELECT * FROM ledger.checkpoints WHERE tree_size = 710")
    await rewrite()
    await refit()
    await owner.query("UPDATE ledger.checkpoints SET root = $1, head_hash = $2 WHERE tree_size = 710", [
      rows[0].root,
      rows[0].head_hash,
    ])
    await signAgain(1_010n, foreignKey)
    // The nodes as the worker would make them of the rewritten log.
    const forger = makeCheckpoint(ledger.db, ledger.ledgerId, foreignKey, new Date())
    await expect(forger).resolves.toBeNull()
    await fillLedger(ledger, 5)
    await expect(makeAfresh()).rejects.toMatchObject({
      code: expect.stringMatching(/CHECKPOINT_DIFFERS|MERKLE_NODES_MISSING/),
    })
    expect(await count()).toBe(2)
  })

  test.each([
    ["all of them", "true"],
    ["the newest one", "tree_size = 1010"],
  ])("checkpoints of which this process signed some that are gone: %s", async (_, where) => {
    await make()
    await fillLedger(ledger, 300)
    await make()
    await forget(where)
    await fillLedger(ledger, 5)
    await expect(make()).rejects.toThrow(/the checkpoint of 1010 events was signed, and is not there/)
  })

  test.each([
    ["is gone", () => forget()],
    [
      "has another root",
      async () => {
        await forget()
        await makeAfresh().catch(() => undefined)
      },
    ],
  ])("an anchor in the log whose checkpoint %s", async (_, lose) => {
    await make()
    await anchored()
    await lose()
    await fillLedger(ledger, 5)
    await expect(makeAfresh()).rejects.toThrow(/the checkpoint of 710 events was signed, and is not there/)
    expect(await count()).toBe(0)
  })

  test("an anchor in the log that says another root than its checkpoint", async () => {
    await make()
    await anchored()
    await owner.query(`BEGIN; SET LOCAL session_replication_role = replica;
      UPDATE ledger.events SET data = jsonb_set(data::jsonb, '{root}', '"0x${"ab".repeat(32)}"')::json WHERE position = 9; COMMIT`)
    await expect(makeAfresh()).rejects.toThrow(/the checkpoint of 710 events was signed, and is not there/)
  })

  test.each([
    ["behind the last checkpoint", 10, 0, 300],
    ["on which the last checkpoint stands", 9, 0, 5],
  ])("a stored node that is not the log's, %s", async (_, level, index, more) => {
    await make()
    await owner.query(
      `INSERT INTO ledger.merkle_nodes SELECT ledger_id, $1, $2, sha256('x') FROM ledger.head
       ON CONFLICT (ledger_id, level, index) DO UPDATE SET hash = excluded.hash`,
      [level, index],
    )
    await fillLedger(ledger, more + 100)
    await expect(makeAfresh()).rejects.toMatchObject({ code: "CHECKPOINT_DIFFERS" })
    expect(await count()).toBe(1)
  })

  test("nodes that are not the log's, when nothing is left that was signed", async () => {
    await make()
    await owner.query("UPDATE ledger.merkle_nodes SET hash = sha256('x') WHERE level = 9 AND index = 0")
    await forget()
    await expect(makeAfresh()).rejects.toThrow(/the stored nodes do not give the root of its 710 events/)
  })

  test("an event that was not hashed onto the one before it", async () => {
    await make()
    await fillLedger(ledger, 5)
    await owner.query(`BEGIN; SET LOCAL session_replication_role = replica;
      UPDATE ledger.events SET prev_hash = sha256('x') WHERE position = 711; COMMIT`)
    await expect(make()).rejects.toMatchObject({ code: "LOG_ALTERED" })
  })

  test("a head that is not the last event's", async () => {
    await owner.query("UPDATE ledger.head SET hash = sha256('x')")
    await expect(make()).rejects.toThrow(/its last event is not its head/)
  })
})

test("nodes that are lost are made again from the events, and give the same", async () => {
  await make()
  await owner.query("DELETE FROM ledger.merkle_nodes")
  await fillLedger(ledger, 400)
  expect((await makeAfresh())?.root).toEqual(await rootOf(1_110))
  const { rows } = await owner.query("SELECT count(*)::int AS n FROM ledger.merkle_nodes")
  expect(rows).toEqual([{ n: 4 + 2 + 1 }])
})

test("the worker says so in its alarm, signs nothing, and goes on when all is as it was", async () => {
  await sql`INSERT INTO registry.checkpoint_policy (events, interval_ms) VALUES (1, 50)`.execute(ledger.db)
  const worker = runCheckpoints({ db: ledger.db, logger, key })
  const alarms = async () =>
    (await owner.query("SELECT kind, message FROM registry.alarms WHERE cleared_at IS NULL")).rows
  try {
    await waitUntil(async () => (await count()) === 1, { what: "it has signed" })
    await owner.query("CREATE TEMP TABLE kept AS TABLE ledger.checkpoints")
    await forget()
    await waitUntil(async () => (await alarms()).length === 1, { what: "it alarms" })
    expect(await alarms()).toEqual([
      {
        kind: "checkpoint_failing",
        message: expect.stringContaining("710 events was signed, and is not there"),
      },
    ])
    expect(await count()).toBe(0)
    await owner.query("INSERT INTO ledger.checkpoints TABLE kept")
    await fillLedger(ledger, 1)
    await waitUntil(async () => (await alarms()).length === 0, { what: "the alarm is cleared" })
    expect(await count()).toBe(2)
  } finally {
    await worker.stop()
  }
})

test("while somebody else has anchored for the ledger, nothing is signed", async () => {
  const raise = (ledgerId: string) =>
    owner.query(
      "INSERT INTO registry.alarms (alarm_id, kind, subject, message) VALUES ($1, 'foreign_anchor', $2, 'another root')",
      [randomUUID(), `31337:${ledgerId}:99`],
    )
  await raise(randomUUID())
  await make()
  await raise(ledger.ledgerId)
  await fillLedger(ledger, 5)
  for (const attempt of [make, makeAfresh, () => exportToBytes(ledger, { key })])
    await expect(attempt()).rejects.toMatchObject({ code: "FOREIGN_ANCHOR" })
  // A file that nobody signs says nothing that was not said.
  expect(checkBytes(await exportToBytes(ledger, { key: null }))).toMatchObject({ last: 715n })
  await owner.query("UPDATE registry.alarms SET cleared_at = now()")
  expect((await make())?.treeSize).toBe(715n)
})

describe("an export", () => {
  beforeEach(async () => {
    await make()
    await fillLedger(ledger, 300)
    await make()
    await fillLedger(ledger, 90)
  })

  test("of any part says the same tree as the whole", async () => {
    const root = await rootOf(1_100)
    for (const first of [1n, 2n, 256n, 257n, 600n, 710n, 711n, 712n, 1_010n, 1_011n, 1_012n, 1_100n])
      expect(checkBytes(await exportToBytes(ledger, { key, first }))).toMatchObject({ root })
    for (const last of [1n, 256n, 709n, 710n, 711n, 1_009n, 1_010n, 1_011n])
      expect(checkBytes(await exportToBytes(ledger, { key, last }))).toMatchObject({
        root: await rootOf(Number(last)),
      })
  })

  test.each([
    ["before the newest checkpoint", 600n],
    ["right behind it", 1_011n],
    ["behind it", 1_050n],
  ])("that begins %s is not made of nodes that are not the log's", async (_, first) => {
    await owner.query("UPDATE ledger.merkle_nodes SET hash = sha256('x') WHERE level = 9 AND index = 0")
    await expect(exportToBytes(ledger, { key, first })).rejects.toMatchObject({ code: "CHECKPOINT_DIFFERS" })
  })

  test("of a log that was written anew is not made", async () => {
    await rewrite()
    await expect(exportToBytes(ledger, { key })).rejects.toThrow(
      /position 1010 has not the hash that was signed/,
    )
    await refit()
    await expect(exportToBytes(ledger, { key })).rejects.toThrow(/signature of the checkpoint of 1010 events/)
  })

  test("of the beginning of what was signed is not made of another beginning", async () => {
    await rewrite(650n)
    await expect(exportToBytes(ledger, { key, last: 650n })).rejects.toMatchObject({ code: "LOG_ALTERED" })
  })

  test("has no checkpoint within that was not signed of it", async () => {
    await owner.query("UPDATE ledger.checkpoints SET root = sha256(root) WHERE tree_size = 710")
    await expect(exportToBytes(ledger, { key })).rejects.toMatchObject({ code: "LOG_ALTERED" })
  })
})

test.each([
  ["one that there is not", "UPDATE ledger.checkpoints SET key_id = repeat('0', 32)"],
  ["one that was forgotten", "DELETE FROM registry.audit_keys"],
])("a checkpoint whose key is %s holds for nobody, and nothing is signed behind it", async (_, statement) => {
  await make()
  await fillLedger(ledger, 10)
  await owner.query(`SET session_replication_role = replica; ${statement}`)
  await expect(makeAfresh()).rejects.toMatchObject({ code: "CHECKPOINT_DIFFERS" })
  await expect(verifyLedger(ledger.db, ledger.ledgerId)).rejects.toMatchObject({ code: "CHECKPOINT_DIFFERS" })
})

import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import { applyImport } from "../../api/imports/apply-import.ts"
import { type ClaimedImport, claimImport, isLeaseLost } from "../../api/imports/import-store.ts"
import { prepareLines } from "../../api/imports/prepare-lines.ts"
import { chunkBytes, receiveImport } from "../../api/imports/receive-import.ts"
import { createRecordReader } from "../../api/imports/record-reader.ts"
import { defaultImportSettings } from "../../api/imports/run-imports.ts"
import { settleLines } from "../../api/imports/settle-lines.ts"
import { isRefusal } from "../../api/refusal.ts"
import { createRegistryCache } from "../../api/registry/registry-cache.ts"
import type { Database } from "../../ledger/store/database.ts"
import { readIdentifierSalt } from "../../ledger/store/read-identifier-salt.ts"
import { createAccountMemory } from "../../ledger/writer/account-memory.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { hmacSha256 } from "../../platform/hmac-sha256.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { startCommitCutter } from "../support/cut-at-commit.ts"
import { startDatabaseDoor } from "../support/database-door.ts"
import { readImportOf, readRefused, runTestImports, upload, whenEnded } from "../support/import-fixture.ts"
import { startTestApi, type TestApi } from "../support/test-api.ts"
import { waitUntil } from "../support/wait-until.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api?.close())

const worker = "00000000-0000-4000-8000-00000000000a"
const logger = createLogger("imports", "silent")
const registryOf = () => createRegistryCache({ db: api.db, logger, maxAgeMs: 1_000 })
const header = "user_id,token_symbol,amount,reason_type"
/** One line that is recorded, and one that is refused for as long as nobody gives the second user money. */
const fileOf = (name: string) => `${header}\n${name}-ann,POINT,+5,reward\n${name}-bob,POINT,-5,consumption\n`

async function claimed(): Promise<ClaimedImport> {
  const row = await claimImport(api.db, worker, 60_000, api.app.ledgerId)
  if (row === undefined) throw new Error("there is no import to be worked on")
  return row
}

const countRecorded = async (operationId: string) =>
  (
    await api.db
      .selectFrom("ledger.operations")
      .select("sequence")
      .where("operation_id", "=", operationId)
      .orderBy("sequence")
      .execute()
  ).map(({ sequence }) => sequence)

test("a group that is settled is not settled again, though a line of it could be recorded by now", async () => {
  const content = fileOf("twice")
  const importId = (await upload(api, content, { query: "?operation_id=twice" })).data?.import_id ?? ""
  const row = await claimed()
  const reader = createRecordReader("csv", 32_768)
  reader.push(Buffer.from(content))
  reader.end()
  const [, ...records] = [reader.next(), reader.next(), reader.next()].flatMap((record) => record ?? [])
  const rules = { importId, operationId: "twice", columns: row.columns, defaults: {}, lineBytesMax: 32_768 }
  const requestKey = hmacSha256(await readIdentifierSalt(api.db, api.app.ledgerId))
  const lines = prepareLines(records, { ...rules, requestKey }, await registryOf().current(), new Date())
  const { db, writerPool } = api
  const settling = {
    ...{ db, writerPool, row, lease: { owner: worker, epoch: row.lease_epoch }, leaseMs: 60_000 },
    tokens: createTokenDirectory(db, api.app.ledgerId),
    memory: createAccountMemory()(),
  }
  const group = { fromByte: 0, nextByte: content.length, nextLine: 4 }
  await settleLines(settling, lines, group)
  const before = await readImportOf(api, importId)
  expect(before.lines).toEqual({ done: 2, applied: 1, replayed: 0, refused: 1 })
  const money = { user_id: "twice-bob", token_symbol: "POINT", amount: "+100", reason_type: "reward" }
  expect((await api.adjust({ adjustments: [money] })).status).toBe(200)
  const again = await settleLines(settling, lines, group).then(() => "settled", isLeaseLost)
  expect(again).toBe(true)
  expect(await countRecorded("twice")).toEqual([2])
  expect(await readImportOf(api, importId)).toEqual(before)
  const { db: _db, ...context } = { ...defaultImportSettings, ...settling, logger, registry: registryOf() }
  const now = { ...row, next_byte: BigInt(content.length), next_line: 4n }
  expect(await applyImport({ ...context, db }, now, settling.lease, () => false)).toBe(true)
  expect(await readRefused(api, importId)).toMatchObject([{ line: 3, code: "INSUFFICIENT_BALANCE" }])
})

test("a group whose COMMIT has no answer waits for as long as the database cannot say what became of it", async () => {
  const cutter = await startCommitCutter(api.database.appUrl)
  const door = await startDatabaseDoor(api.database.appUrl)
  const writerPool = createWriterPool({ databaseUrl: cutter.databaseUrl, applicationName: "test-cut" })
  const db = createKysely<Database>(
    createPool({ databaseUrl: door.databaseUrl, applicationName: "test-door", connectionsMax: 2 }),
  )
  try {
    const importId = (await upload(api, fileOf("unanswered"))).data?.import_id ?? ""
    const row = await claimed()
    const context = { ...defaultImportSettings, db, writerPool, logger, registry: registryOf() }
    cutter.cutNextCommit()
    const applying = applyImport(context, row, { owner: worker, epoch: row.lease_epoch }, () => false)
    applying.catch(() => undefined)
    while (cutter.cuts() === 0) await sleep(5)
    door.shut()
    await waitUntil(() => Promise.resolve(door.refused() > 0), { what: "the database was asked in vain" })
    door.open()
    expect(await applying).toBe(true)
    expect(await readImportOf(api, importId)).toMatchObject({
      state: "finished",
      lines: { done: 2, applied: 1, replayed: 0, refused: 1 },
    })
    expect(await readRefused(api, importId)).toMatchObject([{ line: 3, code: "INSUFFICIENT_BALANCE" }])
  } finally {
    await db.destroy()
    await writerPool.end()
    await door.close()
    await cutter.close()
  }
})

async function* contentOf(...pieces: string[]) {
  for (const piece of pieces) yield Buffer.from(piece)
}
const fileFrom = (content: AsyncIterable<Uint8Array>) => ({
  ...{ ledgerId: api.app.ledgerId, format: "csv" as const, fileName: null },
  ...{ operationId: undefined, defaults: {}, content },
})

test("an import that was received stays, though the answer to its COMMIT is lost, and the sender is told its id", async () => {
  const cutter = await startCommitCutter(api.database.appUrl)
  const db = createKysely<Database>(
    createPool({ databaseUrl: cutter.databaseUrl, applicationName: "test-cut", connectionsMax: 2 }),
  )
  const imports = runTestImports(api)
  try {
    cutter.cutNextCommit()
    const received = await receiveImport(db, fileFrom(contentOf(fileOf("kept"))))
    if (isRefusal(received)) throw new Error("the file was refused")
    expect([cutter.cuts(), received.isKnown]).toEqual([1, false])
    expect((await whenEnded(api, received.row.import_id)).lines).toEqual({
      ...{ done: 2, applied: 1, replayed: 0, refused: 1 },
    })
    expect(await readRefused(api, received.row.import_id)).toHaveLength(1)
    // A COMMIT that has never arrived is none: nothing is left of it.
    cutter.cutBeforeNextCommit()
    await expect(receiveImport(db, fileFrom(contentOf(fileOf("lost"))))).rejects.toThrow(
      /connection|ECONNRESET/i,
    )
    const rows = await api.db.selectFrom("ledger.imports").select("state").execute()
    expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(["finished"]))
  } finally {
    await imports.stop()
    await db.destroy()
    await cutter.close()
  }
})

test("who cannot be told whether his file was received is told so, with the id to ask for", async () => {
  const door = await startDatabaseDoor(api.database.appUrl)
  const cutter = await startCommitCutter(door.databaseUrl)
  const settings = { applicationName: "test-cut", connectionsMax: 2, queryTimeoutMs: 3_000 }
  const db = createKysely<Database>(createPool({ databaseUrl: cutter.databaseUrl, ...settings }))
  try {
    cutter.cutNextCommit("silence")
    const receiving = receiveImport(db, fileFrom(contentOf(fileOf("open"))))
    receiving.catch(() => undefined)
    while (cutter.cuts() === 0) await sleep(5)
    door.shut()
    const received = await receiving
    if (!isRefusal(received)) throw new Error("the file was taken")
    expect(received.refused).toBe("LEDGER_UNAVAILABLE")
    const [id = ""] =
      /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(received.errors[0]?.message ?? "") ?? []
    expect((await readImportOf(api, id)).state).toBe("received")
    const again = await upload(api, fileOf("open"))
    expect([again.data?.import_id, again.headers.get("idempotent-replayed")]).toEqual([id, "true"])
  } finally {
    await db.destroy()
    await cutter.close()
    await door.close()
  }
})

test("an upload that was removed before its end is not received", async () => {
  const beginning = `${header}\n`
  async function* content() {
    yield Buffer.from(beginning.padEnd(chunkBytes, "\n"))
    await api.db.deleteFrom("ledger.imports").where("state", "=", "receiving").execute()
  }
  await expect(receiveImport(api.db, fileFrom(content()))).rejects.toThrow("was removed before")
})

test("of a file its bytes are kept, and none of the pieces that it comes in", async () => {
  const content = Buffer.from(`${header}\n${"piece-ann,POINT,+1,reward\n".repeat(20_000)}`)
  async function* pieces() {
    // Each of them in the same piece of memory, and some with a chunk's end inside.
    const piece = Buffer.alloc(1_000)
    for (let at = 0; at < content.length; at += piece.length)
      yield piece.subarray(0, content.copy(piece, 0, at, at + piece.length))
  }
  const received = await receiveImport(api.db, fileFrom(pieces()))
  const importId = "row" in received ? received.row.import_id : ""
  const { rows } = await sql<{ content: Buffer }>`
    SELECT content FROM ledger.import_chunks WHERE import_id = ${importId} ORDER BY chunk`.execute(api.db)
  expect(rows.map((row) => row.content.length)).toEqual([chunkBytes, content.length - chunkBytes])
  expect(Buffer.concat(rows.map((row) => row.content)).equals(content)).toBe(true)
})

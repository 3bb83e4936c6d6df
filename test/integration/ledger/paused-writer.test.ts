import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { sql } from "kysely"
import { afterEach, beforeEach, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { createLedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import { createKysely, createPool } from "../../../platform/postgres.ts"
import { inherited } from "../../support/inherited.ts"
import { adjustCommand, createTestLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"
import type { WriterProcessOptions } from "../../support/writer-process.ts"

let ledger: TestLedger
let child: ChildProcess | undefined
beforeEach(async () => {
  ledger = await createTestLedger()
})
afterEach(async () => {
  child?.kill("SIGKILL")
  await ledger.close()
})

const applicationName = "test-paused-writer"

/** A writer in a process of its own, stopped while it holds the head. */
async function startPausedWriter(): Promise<ChildProcess> {
  const { ledgerId, tokenId } = ledger
  const databaseUrl = ledger.database.appUrl
  const options: WriterProcessOptions = {
    databaseUrl,
    applicationName,
    ledgerId,
    tokenId,
    operationId: "theirs",
  }
  const file = fileURLToPath(new URL("../../support/writer-process.ts", import.meta.url))
  child = spawn(process.execPath, [file], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: { ...inherited, TEST_WRITER: JSON.stringify(options), LOG_LEVEL: "silent" },
  })
  await waitUntil(
    async () => {
      const { rows } = await sql`
        SELECT 1 FROM pg_stat_activity WHERE application_name = ${applicationName} AND state = 'idle in transaction'`.execute(
        ledger.db,
      )
      return rows.length === 1
    },
    { what: "it holds the head", timeoutMs: 20_000 },
  )
  return child
}

it("keeps the others waiting for seconds, not for ever, and records its own operation once when it goes on", async () => {
  const { db, writerPool, ledgerId, tokenId } = ledger
  const paused = await startPausedWriter()
  const writer = createLedgerWriter({
    db,
    writerPool,
    ledgerId,
    tokens: createTokenDirectory(db, ledgerId),
    logger: createLogger("test", "silent"),
  })
  const startedAtMs = performance.now()
  const ours = await writer.execute(adjustCommand(tokenId, "ours", [["ann", 10n]]))
  expect(ours).toMatchObject({ outcome: "recorded", isReplay: false })
  expect(performance.now() - startedAtMs).toBeLessThan(40_000)

  const answer = once(paused, "message")
  paused.kill("SIGCONT")
  const [outcome] = await answer
  expect(outcome).toBe("recorded")
  const { pending } = await db.selectFrom("ledger.balances").select("pending").executeTakeFirstOrThrow()
  expect(pending).toBe(11n)
  expect(await verifyLedger(db, ledgerId)).toMatchObject({ ok: true, events: 3n })
})

it("is told apart from a reader of a snapshot, which may take its time", async () => {
  const { db, writerPool, ledgerId, tokenId } = ledger
  const writer = createLedgerWriter({
    db,
    writerPool,
    ledgerId,
    tokens: createTokenDirectory(db, ledgerId),
    logger: createLogger("test", "silent"),
  })
  await writer.execute(adjustCommand(tokenId, "one", [["ann", 1n]]))
  const impatient = createKysely<Database>(
    createPool({
      databaseUrl: ledger.database.appUrl,
      applicationName: "test",
      connectionsMax: 1,
      settings: { idle_in_transaction_session_timeout: "200" },
    }),
  )
  const pause = () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000)
  expect(await verifyLedger(impatient, ledgerId, pause)).toMatchObject({ ok: true })
  await impatient.destroy()
})

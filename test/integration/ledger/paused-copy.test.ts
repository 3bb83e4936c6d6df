import pg from "pg"
import { afterEach, beforeEach, expect, it } from "vitest"
import { copyEvents } from "../../../ledger/store/insert-events.ts"
import { createLedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { watchPausedCopies } from "../../../ledger/writer/watch-paused-copies.ts"
import { createLogger } from "../../../platform/logger.ts"
import { adjustCommand, createTestLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"

let ledger: TestLedger
beforeEach(async () => {
  ledger = await createTestLedger()
})
afterEach(() => ledger.close())

const logger = createLogger("test", "silent")

class StoppedCopy extends pg.Query {
  handleCopyInResponse(): void {
    // The rows never come.
  }
}

/** Holds the head and has said that rows come, as a writer that was stopped between two packets. */
async function startStoppedCopy(): Promise<{ readonly ended: Promise<unknown> }> {
  const client = new pg.Client({ connectionString: ledger.database.appUrl })
  await client.connect()
  const ended = new Promise((resolve) => client.once("error", resolve))
  await client.query("BEGIN")
  await client.query("SELECT FROM ledger.head WHERE ledger_id = $1 FOR NO KEY UPDATE", [ledger.ledgerId])
  client.query(new StoppedCopy(copyEvents(ledger.ledgerId, []).text, () => undefined))
  await waitUntil(
    async () => {
      const { rows } = await ledger.writerPool.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY ledger.events%' AND wait_event = 'ClientRead' AND state = 'active'",
      )
      return rows.length === 1
    },
    { what: "the server waits for rows" },
  )
  return { ended }
}

it("a writer that stopped in the middle of its rows keeps the head for seconds, not for ever", async () => {
  const { db, writerPool, ledgerId, tokenId } = ledger
  const { ended } = await startStoppedCopy()
  const tokens = createTokenDirectory(db, ledgerId)
  const writer = createLedgerWriter({ db, writerPool, ledgerId, tokens, logger })
  const ours = writer.execute(adjustCommand(tokenId, "ours", [["ann", 10n]]))
  const isThere = await Promise.race([ours.then(() => true), new Promise((r) => setTimeout(r, 1_500, false))])
  expect(isThere).toBe(false)

  const watch = watchPausedCopies({ db, logger, pausedMsMax: 1_000 })
  try {
    expect(await ours).toMatchObject({ outcome: "recorded", isReplay: false })
    await ended
  } finally {
    await watch.stop()
  }
})

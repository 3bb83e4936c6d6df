import { expect, it } from "vitest"
import { runLedgerWatch } from "../../../ledger/run-ledger-watch.ts"
import { raiseAlarm } from "../../../ledger/store/alarms.ts"
import { createLedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import { adjustCommand, createTestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"

it("what an account owed and was paid back within the ledger is no alarm any more, and what it still owes is told", async () => {
  const ledger = await createTestLedger()
  const { db, ledgerId } = ledger
  const writer = createLedgerWriter({
    ...{ db, ledgerId, writerPool: ledger.writerPool, logger: createLogger("test", "silent") },
    tokens: createTokenDirectory(db, ledgerId),
  })
  await writer.execute(
    adjustCommand(ledger.tokenId, "credits", [
      ["ann", 10n],
      ["bob", 10n],
    ]),
  )
  // Only a chain could bring him there.
  await db.updateTable("ledger.balances").set({ pending: -3n }).where("account_id", "=", 2n).execute()
  for (const account of [1, 2])
    await raiseAlarm(db, {
      kind: "overdrawn",
      subject: `${ledgerId}:${account}`,
      ledgerId,
      message: `account ${account} owes 30 base units`,
    })
  const open = () =>
    db.selectFrom("registry.alarms").select(["subject", "message"]).where("cleared_at", "is", null).execute()
  const watch = runLedgerWatch({ db, logger: createLogger("test", "silent"), pollMs: 50 })
  try {
    await waitUntil(async () => (await open()).length === 1, { what: "one is cleared", describe: open })
    expect(await open()).toMatchObject([
      { subject: `${ledgerId}:2`, message: expect.stringContaining("owes 3 base units") },
    ])
  } finally {
    await watch.stop()
    await ledger.close()
  }
})

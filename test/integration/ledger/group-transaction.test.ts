import { sql } from "kysely"
import { afterAll, beforeAll, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { decideAdjustBalance } from "../../../ledger/domain/adjust-balance.ts"
import { adjustmentEvents } from "../../../ledger/domain/adjustment-events.ts"
import { append } from "../../../ledger/store/append.ts"
import { balanceOf, loadBalances, withHead } from "../../../ledger/store/ledger-transaction.ts"
import { createLedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createWriterPool } from "../../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../../platform/logger.ts"
import { createKysely, createPool } from "../../../platform/postgres.ts"
import { startCommitCutter } from "../../support/cut-at-commit.ts"
import { adjustCommand, createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitingForLocks } from "../../support/waiting-for-locks.ts"

let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
})
afterAll(() => ledger.close())

function writerOf(ledgerId: string, writerPool = ledger.writerPool) {
  const tokens = createTokenDirectory(ledger.db, ledgerId)
  return createLedgerWriter({
    db: ledger.db,
    writerPool,
    ledgerId,
    tokens,
    logger: createLogger("test", "silent"),
  })
}

async function freshWriter(writerPool = ledger.writerPool) {
  const ledgerId = await insertLedger(ledger.db)
  return { ledgerId, writer: writerOf(ledgerId, writerPool) }
}

const command = (operationId: string, ...adjustments: (readonly [string, bigint])[]) =>
  adjustCommand(ledger.tokenId, operationId, adjustments)

/** Resolves when two sessions of this database wait for a lock. */
const twoWait = () => expect.poll(async () => (await waitingForLocks(ledger.db)).length).toBe(2)

it("decides on what was committed while it waited for the head: balances, keys and positions", async () => {
  const { ledgerId, writer } = await freshWriter()
  const other = writerOf(ledgerId)
  await writer.execute(command("fund", ["ann", 10n]))
  const theirs = command("theirs", ["ann", -10n])
  let waiting: Promise<unknown[]> | undefined
  await withHead(ledger.db, ledgerId, async (head) => {
    waiting = Promise.all([
      writer.execute(command("ours", ["ann", -10n])),
      other.execute(theirs),
      writer.execute(command("credit", ["ann", 1n])),
    ])
    await twoWait()
    await loadBalances(head, [1n])
    const decided = decideAdjustBalance(theirs, () => balanceOf(head, 1n))
    if ("refused" in decided) throw new Error("the money was there")
    const at = new Date()
    const accounts = new Map([[`${ledger.tokenId}\nann`, { accountId: 1n }]])
    await append(head, adjustmentEvents(theirs, decided.decisions, accounts, at), at)
    await head.trx
      .insertInto("ledger.operations")
      .values({
        ledger_id: ledgerId,
        operation_id: theirs.operationId,
        sequence: theirs.sequence,
        request_hash: theirs.requestHash,
        route: theirs.route,
        first_position: head.position,
        last_position: head.position,
        recorded_at: at,
        answer_context: JSON.stringify(theirs.answerContext),
      })
      .execute()
  })
  expect(await waiting).toMatchObject([
    { outcome: "refused", refusal: { refused: "INSUFFICIENT_BALANCE", availableBaseUnits: 0n } },
    { outcome: "recorded", isReplay: true, operation: { position: 3n } },
    { outcome: "recorded", isReplay: false, operation: { position: 4n } },
  ])
  expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true, events: 4n })
})

it("takes the whole group back when the last of its statements fails, though the COMMIT is sent behind it", async () => {
  const { ledgerId, writer } = await freshWriter()
  await writer.execute(command("fund", ["ann", 10n]))
  const owner = createKysely<unknown>(
    createPool({ databaseUrl: ledger.database.ownerUrl, applicationName: "owner", connectionsMax: 1 }),
  )
  await sql`REVOKE INSERT ON ledger.operations FROM chainbridge_app`.execute(owner)
  await expect(writer.execute(command("spend", ["ann", -3n]))).rejects.toThrow(/permission denied/)
  expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true, events: 2n })
  await sql`GRANT INSERT ON ledger.operations TO chainbridge_app`.execute(owner)
  await owner.destroy()
  expect(await writer.execute(command("spend", ["ann", -3n]))).toMatchObject({
    outcome: "recorded",
    isReplay: false,
    operation: { position: 3n },
  })
})

it("records once and answers as the first time when the answer to its COMMIT is lost", async () => {
  const cutter = await startCommitCutter(ledger.database.appUrl)
  const pool = createWriterPool({ databaseUrl: cutter.databaseUrl, applicationName: "test" })
  const { ledgerId, writer } = await freshWriter(pool)
  await writer.execute(command("fund", ["ann", 10n]))
  for (let round = 1; round <= 5; round += 1) {
    cutter.cutNextCommit()
    expect(await writer.execute(command(`spend-${round}`, ["ann", -2n]))).toMatchObject({
      outcome: "recorded",
      isReplay: false,
      operation: { adjustments: [{ balanceAfter: 10n - 2n * BigInt(round) }] },
    })
    expect(cutter.cuts()).toBe(round)
  }
  expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true, events: 7n })
  await pool.end()
  await cutter.close()
})

it("does not wait for ever for the answer to a COMMIT on a connection that fell silent", async () => {
  const cutter = await startCommitCutter(ledger.database.appUrl)
  const pool = createWriterPool({
    databaseUrl: cutter.databaseUrl,
    applicationName: "test",
    queryTimeoutMs: 1_000,
  })
  const { ledgerId, writer } = await freshWriter(pool)
  await writer.execute(command("fund", ["ann", 10n]))
  cutter.cutNextCommit("silence")
  expect(await writer.execute(command("spend", ["ann", -2n]))).toMatchObject({
    outcome: "recorded",
    isReplay: false,
    operation: { adjustments: [{ balanceAfter: 8n }] },
  })
  expect(cutter.cuts()).toBe(1)
  expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true, events: 3n })
  await pool.end()
  await cutter.close()
})

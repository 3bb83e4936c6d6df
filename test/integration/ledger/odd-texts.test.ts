import { afterAll, beforeAll, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { createLedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import { adjustCommand, createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
})
afterAll(() => ledger.close())

const odd = ["\\", "\\N", "\\.", "a\\tb", '{"a",NULL}', "é\u2028😀", "'; --", "$1", "\\\\x00"]

it("stores texts that mean something to the server as what they are", async () => {
  const { db, writerPool, ledgerId, tokenId } = ledger
  const tokens = createTokenDirectory(db, ledgerId)
  const writer = createLedgerWriter({
    db,
    writerPool,
    ledgerId,
    tokens,
    logger: createLogger("test", "silent"),
  })
  const commands = odd.map((text) => {
    const command = adjustCommand(tokenId, text, [[`user-${text}`, 1n]])
    const [adjustment] = command.adjustments
    if (adjustment === undefined) throw new TypeError("there is one adjustment")
    const details = { reasonDetail: `${text}\t\n\r\b`, metadata: { [text]: `${text}\n` } }
    return { ...command, answerContext: { text }, adjustments: [{ ...adjustment, ...details }] }
  })
  const results = await Promise.all(commands.map((command) => writer.execute(command)))
  expect(results.map(({ outcome }) => outcome)).toEqual(odd.map(() => "recorded"))
  const events = await db
    .selectFrom("ledger.events")
    .select(["operation_id", "details"])
    .where("ledger_id", "=", ledgerId)
    .where("type", "=", "AdjustmentRecorded")
    .orderBy("position")
    .execute()
  expect(events).toEqual(
    odd.map((text) => ({
      operation_id: text,
      details: { reason_detail: `${text}\t\n\r\b`, metadata: { [text]: `${text}\n` } },
    })),
  )
  const again = await Promise.all(commands.map((command) => writer.execute(command)))
  expect(again).toMatchObject(
    odd.map((text) => ({ isReplay: true, operation: { operationId: text, answerContext: { text } } })),
  )
  expect(await verifyLedger(db, ledgerId)).toMatchObject({ ok: true })
})

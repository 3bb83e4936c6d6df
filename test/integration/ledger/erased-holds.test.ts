import { sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import type { LedgerCommand } from "../../../ledger/domain/commands.ts"
import { continueRedaction } from "../../../ledger/redactions/continue-redaction.ts"
import { createAccountMemory } from "../../../ledger/writer/account-memory.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { writeGroup } from "../../../ledger/writer/write-group.ts"
import { captureHoldCommand, placeHoldCommand, redactCommand } from "../../support/hold-commands.ts"
import { adjustCommand, createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
beforeAll(async () => {
  ledger = await createTestLedger()
})
afterAll(() => ledger.close())

/** A ledger in which ann has money and `holds` open holds, each with words of its own. */
async function ledgerWithHolds(holds: number, adjustments = 1) {
  const { db, writerPool, tokenId } = ledger
  const ledgerId = await insertLedger(db)
  const tokens = createTokenDirectory(db, ledgerId)
  const memory = createAccountMemory()()
  /** Has the commands recorded as one group, and gives the positions of their last events. */
  async function write(...commands: LedgerCommand[]): Promise<bigint[]> {
    const outcomes = await writeGroup(writerPool, tokens, memory, ledgerId, commands, () => new Date())
    return outcomes.map((outcome) => {
      if (outcome.outcome !== "recorded") throw new Error(JSON.stringify(outcome))
      return outcome.operation.position
    })
  }
  const funds = Array.from({ length: adjustments }, () => ["ann", 100n] as const)
  await write(adjustCommand(tokenId, "fund", funds))
  const placed: bigint[] = []
  for (let number = 1; number <= holds; number += 1)
    placed.push(...(await write(placeHoldCommand(tokenId, `hold-${number}`, "ann", 10n))))
  /** Types of the holds' events that still say something. */
  async function saying(): Promise<string[]> {
    const { rows } = await sql<{ type: string }>`
      SELECT type FROM ledger.event_log
      WHERE ledger_id = ${ledgerId} AND type LIKE 'Hold%' AND details IS NOT NULL ORDER BY position`.execute(
      db,
    )
    return rows.map(({ type }) => type)
  }
  const verify = () => verifyLedger(db, ledgerId)
  return { ledgerId, write, placed, saying, verify }
}

test("what is erased and captured in one group is not said again by the capture", async () => {
  const { write, placed, saying, verify } = await ledgerWithHolds(2)
  const [first = 0n, second = 0n] = placed
  await write(redactCommand("erase", [first]), captureHoldCommand("capture", first))
  expect(await saying()).toEqual(["HoldPlaced"])
  await write(redactCommand("erase-ann", [2n, second], "ann"), captureHoldCommand("capture-2", second))
  expect(await saying()).toEqual([])
  expect(await verify()).toMatchObject({ ok: true, redacted: 3n })
})

test("a hold is erased together with its capture, whichever is named, also when both are of one group", async () => {
  const { write, placed, saying, verify } = await ledgerWithHolds(4)
  const [byHold = 0n, byCapture = 0n, inOneGroup = 0n, released = 0n] = placed
  await write(captureHoldCommand("capture-1", byHold))
  await write(redactCommand("erase-1", [byHold]))
  const [capture = 0n] = await write(captureHoldCommand("capture-2", byCapture))
  await write(redactCommand("erase-2", [capture]))
  expect(await saying()).toEqual(["HoldPlaced", "HoldPlaced"])
  await write(captureHoldCommand("capture-3", inOneGroup), redactCommand("erase-3", [inOneGroup]))
  expect(await saying()).toEqual(["HoldPlaced"])
  await write(redactCommand("erase-4", [released]))
  expect(await verify()).toMatchObject({ ok: true, redacted: 7n })
})

test("while an erasure is under way a hold that it has not come to is captured without words, and one of later with its own", async () => {
  const { ledgerId, write, placed, saying, verify } = await ledgerWithHolds(1, 20)
  const [early = 0n] = placed
  const [erasure = 0n] = await write(redactCommand("erase", [2n, 3n, 4n], "ann"))
  await write(captureHoldCommand("capture-1", early))
  const [late = 0n] = await write(placeHoldCommand(ledger.tokenId, "hold-late", "ann", 10n))
  await write(captureHoldCommand("capture-2", late))
  let isFinished = false
  while (!isFinished)
    isFinished = (await continueRedaction(ledger.db, ledgerId, erasure, new Date())).isFinished
  expect(await saying()).toEqual(["HoldPlaced", "HoldCaptured"])
  expect(await verify()).toMatchObject({ ok: true, redacted: 21n })
})

test("what a capture says itself stays while its user's erasure is under way", async () => {
  const { write, placed, saying } = await ledgerWithHolds(1)
  const [held = 0n] = placed
  const details = { reason_detail: "delivered", metadata: {} }
  await write(redactCommand("erase", [2n], "ann"))
  await write({ ...captureHoldCommand("capture", held), details })
  expect(await saying()).toEqual(["HoldPlaced", "HoldCaptured"])
})

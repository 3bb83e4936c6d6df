import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { BatchCall } from "../../ledger/domain/batch-calls.ts"
import { createLedgerWriter } from "../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { createLogger } from "../../platform/logger.ts"
import { readCommandsLog } from "../support/read-commands-log.ts"
import { runCli } from "../support/run-cli.ts"
import { type HandSettlement, settleByHand } from "../support/settle-by-hand.ts"
import { adjustCommand, createTestLedger, type TestLedger } from "../support/test-ledger.ts"

let ledger: TestLedger
let settlement: HandSettlement
beforeAll(async () => {
  ledger = await createTestLedger()
  settlement = await settleByHand(ledger.db, ledger.ledgerId, ledger.tokenId)
})
afterAll(() => ledger?.close())

const run = (...args: string[]) =>
  runCli(["batches", "cancel", ...args], { DATABASE_URL: ledger.database.appUrl }).ended
const why = ["--reason", "its transaction reverts every time"] as const
const batch = (id: string) =>
  ledger.db.selectFrom("settlement.batches").selectAll().where("batch_id", "=", id).executeTakeFirstOrThrow()

/** A batch of one credit. */
async function sealed(batchCall?: BatchCall): Promise<{ id: string; sequence: bigint }> {
  const tokens = createTokenDirectory(ledger.db, ledger.ledgerId)
  const writer = createLedgerWriter({ ...ledger, tokens, logger: createLogger("test", "silent") })
  await writer.execute(adjustCommand(ledger.tokenId, randomUUID(), [["ann", 7n]]))
  await writer.stop()
  await settlement.takeIn()
  const sequence = (await settlement.seal(batchCall)) ?? 0n
  const { batch_id: id } = await ledger.db
    .selectFrom("settlement.batches")
    .select("batch_id")
    .where("batch_sequence", "=", sequence)
    .executeTakeFirstOrThrow()
  return { id, sequence }
}

test("a batch is cancelled by its id alone, once, and the first reason stays", async () => {
  const { id, sequence } = await sealed()
  await settlement.mark(sequence, { state: "broadcast", broadcast_at: new Date() })
  expect(await run(id.toUpperCase(), ...why)).toEqual({
    ...{ code: 0, stderr: "" },
    stdout: `batch ${id} is being cancelled; what was sent for it before may still settle it\n`,
  })
  const { cancel_requested_at: at, ...row } = await batch(id)
  expect(row).toMatchObject({
    ...{ state: "broadcast", cancel_requested_by: "operator", cancel_reason: why[1] },
    cancel_calldata_hash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
  })
  const since = `since ${at?.toISOString()}: ${why[1]}\n`
  const again = await run(id, "--reason", "another")
  expect(again).toMatchObject({ code: 0, stdout: `batch ${id} is being cancelled ${since}` })
  await settlement.mark(sequence, { state: "mined" })
  expect((await run(id, ...why)).stdout).toBe(`batch ${id} is being cancelled ${since}`)
  await settlement.confirm(sequence)
  const late = await run(id, ...why)
  expect(late).toMatchObject({ code: 0, stdout: `batch ${id} is confirmed; it was to be cancelled ${since}` })
  expect(await readCommandsLog(ledger.db)).toEqual([
    {
      ...{ action: "batch.cancel_requested", ledger_id: ledger.ledgerId },
      after: { state: "cancelling", reason: why[1] },
    },
  ])
})

test("what cannot be meant is refused in a sentence, and changes nothing", async () => {
  const { id, sequence } = await sealed()
  const says = async (args: readonly string[], what: string | RegExp) => {
    const { code, stdout, stderr } = await run(...args)
    expect({ code, stdout }, stderr).toEqual({ code: 1, stdout: "" })
    expect(stderr).toMatch(what)
    expect(stderr).not.toMatch(/\n\s+at /)
  }
  await says([id], /--reason/)
  await says([id, "--reason", " "], /1 to 500 printable characters/)
  await says(why, /missing required argument 'batch_id'/)
  const unknown = `0x${"ab".repeat(32)}`
  for (const wrong of [unknown, "1"]) await says([wrong, ...why], `there is no batch ${wrong}`)
  await settlement.mark(sequence, { state: "mined" })
  await says([id, ...why], `batch ${id} is mined and cannot be cancelled`)
  await settlement.confirm(sequence)
  await says([id, ...why], `batch ${id} is confirmed and cannot be cancelled`)
  expect((await batch(id)).cancel_requested_at).toBeNull()
})

test("a batch of a token that knows no batch ids is refused", async () => {
  const token = ledger.db.updateTable("registry.tokens").where("token_id", "=", ledger.tokenId)
  await token.set({ settlement_mode: "batch-mint-burn" }).execute()
  const { id } = await sealed("batch_mint")
  const { code, stderr } = await run(id, ...why)
  expect(code).toBe(1)
  expect(stderr).toContain(`the token of batch ${id} is settled by batch-mint-burn and knows no ids`)
  expect((await batch(id)).cancel_requested_at).toBeNull()
})

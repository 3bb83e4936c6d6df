import { type Kysely, sql } from "kysely"
import { afterEach, beforeEach, expect, test } from "vitest"
import type { LedgerCommand } from "../../../ledger/domain/commands.ts"
import { runHoldExpiry } from "../../../ledger/holds/run-hold-expiry.ts"
import { runRedactions } from "../../../ledger/redactions/run-redactions.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { createAccountMemory } from "../../../ledger/writer/account-memory.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { writeGroup } from "../../../ledger/writer/write-group.ts"
import { createLogger } from "../../../platform/logger.ts"
import { createKysely, createPool } from "../../../platform/postgres.ts"
import { placeHoldCommand, redactCommand } from "../../support/hold-commands.ts"
import { adjustCommand, createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"

const logger = createLogger("test", "silent")

let ledger: TestLedger
let owner: Kysely<Database>
/** The first one is worked on first. */
let ids: readonly [string, string]
beforeEach(async () => {
  ledger = await createTestLedger()
  owner = createKysely<Database>(
    createPool({ databaseUrl: ledger.database.ownerUrl, applicationName: "test-owner", connectionsMax: 1 }),
  )
  const [first, second] = [ledger.ledgerId, await insertLedger(ledger.db)].sort()
  ids = [first ?? "", second ?? ""]
})
afterEach(async () => {
  await owner?.destroy()
  await ledger?.close()
})

/** What is written is of the past: a hold's end comes after it, however busy the machine is, and is over at once. */
const behindMs = 60_000

function write(ledgerId: string, ...commands: readonly LedgerCommand[]) {
  const memory = createAccountMemory()()
  const tokens = createTokenDirectory(ledger.db, ledgerId)
  return writeGroup(
    ledger.writerPool,
    tokens,
    memory,
    ledgerId,
    commands,
    () => new Date(Date.now() - behindMs),
  )
}

const openAlarms = () =>
  ledger.db
    .selectFrom("registry.alarms")
    .select(["kind", "ledger_id", "message"])
    .where("cleared_at", "is", null)
    .execute()

const whenNoAlarm = () =>
  waitUntil(async () => (await openAlarms()).length === 0, {
    what: "the alarm is cleared",
    describe: openAlarms,
  })

async function openHolds(): Promise<string[]> {
  const rows = await ledger.db
    .selectFrom("ledger.holds")
    .select("ledger_id")
    .where("state", "=", "open")
    .execute()
  return rows.map(({ ledger_id: ledgerId }) => ledgerId)
}

/** Both ledgers have a hold that is over, and the first one's cannot be ended: its balance says that less is locked. */
async function holdInVain(): Promise<void> {
  for (const [index, ledgerId] of ids.entries()) {
    await write(ledgerId, adjustCommand(ledger.tokenId, "fund", [["ann", 100n]]))
    const at = new Date(Date.now() - behindMs / 2 + index)
    await write(ledgerId, placeHoldCommand(ledger.tokenId, "hold", "ann", 10n, { at }))
  }
  await sql`UPDATE ledger.balances SET locked = 5 WHERE ledger_id = ${ids[0]}`.execute(owner)
}

const holdAlarm = {
  kind: "holds_failing",
  ledger_id: expect.any(String),
  message: expect.stringContaining("balances_locked_check"),
}

test("a ledger whose holds cannot be ended keeps no other one waiting, and alarms until they can", async () => {
  await holdInVain()
  const expiry = runHoldExpiry({ db: ledger.db, logger })
  await waitUntil(async () => !(await openHolds()).includes(ids[1]), { what: "the other hold has ended" })
  await waitUntil(async () => (await openAlarms()).length === 1, { what: "it alarms" })
  await expiry.stop()
  expect(await openAlarms()).toEqual([{ ...holdAlarm, ledger_id: ids[0] }])
  expect(await openHolds()).toEqual([ids[0]])

  await sql`UPDATE ledger.balances SET locked = 10 WHERE ledger_id = ${ids[0]}`.execute(owner)
  const again = runHoldExpiry({ db: ledger.db, logger })
  await whenNoAlarm()
  await again.stop()
  expect(await openHolds()).toEqual([])
})

test("such an alarm ends as well when somebody else has ended the holds", async () => {
  await holdInVain()
  const expiry = runHoldExpiry({ db: ledger.db, logger })
  await waitUntil(async () => (await openAlarms()).length === 1, { what: "it alarms" })
  await expiry.stop()
  await sql`UPDATE ledger.holds SET state = 'released', ended_position = position + 1 WHERE ledger_id = ${ids[0]}`.execute(
    owner,
  )
  const again = runHoldExpiry({ db: ledger.db, logger })
  await whenNoAlarm()
  await again.stop()
})

test("a ledger that cannot erase keeps no other one waiting, and alarms until it can", async () => {
  for (const ledgerId of ids) {
    await write(
      ledgerId,
      adjustCommand(ledger.tokenId, "fund", [
        ["ann", 1n],
        ["ann", 1n],
        ["ann", 1n],
      ]),
    )
    await write(ledgerId, redactCommand("redact", [2n], "ann"))
  }
  // Its tables do not agree with its head: what it appends is there already.
  await sql`UPDATE ledger.head SET position = position - 1 WHERE ledger_id = ${ids[0]}`.execute(owner)
  const unfinished = async () => {
    const { rows } = await sql<{ ledger_id: string }>`
      SELECT ledger_id FROM ledger.redactions WHERE finished_at IS NULL`.execute(ledger.db)
    return rows.map(({ ledger_id: ledgerId }) => ledgerId)
  }
  const redactions = runRedactions({ db: ledger.db, logger })
  await waitUntil(async () => !(await unfinished()).includes(ids[1]), { what: "the other one is finished" })
  await waitUntil(async () => (await openAlarms()).length === 1, { what: "it alarms" })
  await redactions.stop()
  expect(await openAlarms()).toEqual([
    {
      kind: "redactions_failing",
      ledger_id: ids[0],
      message: expect.stringMatching(/erasure that began at event \d+ does not go on: duplicate key/),
    },
  ])
  expect(await unfinished()).toEqual([ids[0]])

  await sql`UPDATE ledger.head SET position = position + 1 WHERE ledger_id = ${ids[0]}`.execute(owner)
  const again = runRedactions({ db: ledger.db, logger })
  await whenNoAlarm()
  await waitUntil(async () => (await unfinished()).length === 0, { what: "both are finished" })
  await again.stop()
})

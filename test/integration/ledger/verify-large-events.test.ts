import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import pg from "pg"
import { afterEach, beforeEach, expect, test } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { hashEvent } from "../../../ledger/domain/event-encoding.ts"
import { seedLog } from "../../bench/seed-log.ts"
import { copyIn } from "../../support/copy-in.ts"
import { sampledTimes } from "../../support/sampled.ts"
import { createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
let owner: pg.Client
beforeEach(async () => {
  ledger = await createTestLedger()
  owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
})
afterEach(async () => {
  await owner.end()
  await ledger.close()
})

const accounts = 1_000
const hex = (number: number) => `0x${number.toString(16).padStart(64, "0")}`
/** As long as amounts are. */
const unit = "1000000000000000000"
const address = `0x${"cd".repeat(20)}`

type Line = {
  readonly type: string
  readonly account: number | null
  readonly amount: string
  readonly data: string
}

/** A log that holds: one batch of so many recipients, which is confirmed and taken back again and again. */
function* linesOf(rounds: number): Generator<Line> {
  const ids = Array.from({ length: accounts }, (_, index) => index + 1)
  const line = (type: string, data: object, account: number | null = null, amount = "0"): Line => ({
    type,
    account,
    amount,
    data: JSON.stringify(data),
  })
  for (const id of ids)
    yield line("AccountOpened", { user_id: `user-${id}`, chain_id: 1, token_address: address, address }, id)
  for (const id of ids) {
    const change = {
      reason_type: "r",
      business_type: "b",
      priority: "low",
      is_immediate: false,
      max_wait_ms: null,
      business_batch_id: null,
    }
    yield line("AdjustmentRecorded", { ...change, confirmed_after: "0" }, id, unit)
  }
  yield line("SettlementSealed", {
    ...{
      batch_sequence: 1,
      batch_id: hex(1),
      content_hash: hex(2),
      chain_id: 1,
      token_address: address,
      trigger: "size",
    },
    accounts: ids.map((id) => ({ account_id: id, net: unit, positions: [accounts + id] })),
  })
  const moves = JSON.stringify(ids.map((id) => ({ account_id: id, settled: unit, amount: unit })))
  for (let round = 0; round < rounds; round += 1) {
    const block = { chain_id: 1, block_number: round, block_hash: hex(round) }
    const confirmed = {
      ...block,
      log_index: 0,
      transaction_hash: hex(round),
      batch_sequence: 1,
      batch_id: hex(1),
    }
    yield {
      ...line("SettlementConfirmed", {}),
      data: `${JSON.stringify(confirmed).slice(0, -1)},"accounts":${moves}}`,
    }
    const revoked = {
      ...block,
      revoked_position: 2 * accounts + 2 * round + 2,
      revoked_type: "SettlementConfirmed",
      batch_sequence: 1,
      reopened_account_ids: [],
    }
    yield {
      ...line("ConfirmationRevoked", {}),
      data: `${JSON.stringify(revoked).slice(0, -1)},"accounts":${moves}}`,
    }
  }
}

async function write(rounds: number): Promise<number> {
  const { ledgerId } = ledger
  await owner.query("SET session_replication_role = replica")
  const copy = await copyIn(
    owner,
    "COPY ledger.events (ledger_id, position, type, version, account_id, amount, balance_after, occurred_at, recorded_at, causation, data, prev_hash, hash) FROM STDIN",
  )
  const moment = new Date("2026-01-01T00:00:00.000Z")
  let hash: Buffer = Buffer.alloc(32)
  let position = 0
  for (const { type, account, amount, data } of linesOf(rounds)) {
    position += 1
    const next = hashEvent(hash, {
      ...{ ledgerId, position: BigInt(position), type, version: 1, operationId: null, sequence: null },
      accountId: account === null ? null : BigInt(account),
      amount: account === null ? null : BigInt(amount),
      balanceAfter: account === null ? null : BigInt(amount),
      ...{ occurredAt: moment, recordedAt: moment, causation: "x", dataJson: data, detailsHash: null },
    })
    const figures = account === null ? ["\\N", "\\N", "\\N"] : [account, amount, amount]
    const fields = [
      ledgerId,
      position,
      type,
      1,
      ...figures,
      moment.toISOString(),
      moment.toISOString(),
      "x",
      data,
      `\\\\x${hash.toString("hex")}`,
      `\\\\x${next.toString("hex")}`,
    ]
    await copy.write(Buffer.from(`${fields.join("\t")}\n`))
    hash = next
  }
  await copy.end()
  await owner.query(
    "UPDATE ledger.head SET position = $1, hash = $2, recorded_at = $3, account_count = $4, batch_count = 1",
    [position, hash, moment, accounts],
  )
  return position
}

test("events of many recipients are verified in a memory that is known", async () => {
  const events = await write(sampledTimes(1_000, 400))
  // What other tests have left in this process would hide what is taken.
  const program = fileURLToPath(new URL("../../support/verify-process.ts", import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    ledger.database.appUrl,
    ledger.ledgerId,
  ])
  const { done, problem, takenMb } = JSON.parse(stdout)
  // All of the log was replayed; no table was filled for it.
  expect(done).toBe(events)
  expect(problem).toMatch(/^ledger\.accounts lacks the row of account_id 1/)
  expect(takenMb).toBeGreaterThan(10)
  expect(takenMb).toBeLessThan(512)
}, 240_000)

test.each([0, 2])(
  "a log whose segments are all cut holds and says the same, read by %i threads",
  async (threads) => {
    const reason = {
      reasonType: "reward",
      businessType: "reward",
      priority: "normal",
      metadataKeys: ["a"],
    } as const
    await seedLog({
      databaseUrl: ledger.database.ownerUrl,
      ...{
        ledgerId: ledger.ledgerId,
        tokenId: ledger.tokenId,
        reasons: [reason],
        events: 6_000,
        users: 1_500,
        settledShare: 0.7,
      },
    })
    const verify = (segmentBytes: number) =>
      verifyLedger(ledger.db, ledger.ledgerId, undefined, { threads, segmentBytes, segmentEvents: 4_096 })
    const whole = await verify(1 << 30)
    expect(whole).toMatchObject({ ok: true })
    expect(await verify(1)).toEqual(whole)
    expect(await verify(100_000)).toEqual(whole)
    await owner.query(
      "UPDATE settlement.batch_items SET state = 'waiting', batch_sequence = NULL WHERE position = 5000",
    )
    await owner.query("UPDATE settlement.batch_items SET amount = amount + 1 WHERE position = 5001")
    expect(await verify(1)).toEqual(await verify(1 << 30))
    expect(await verify(1)).toMatchObject({
      problem: expect.stringMatching(/^settlement\.batch_items, row of position 500[01]/),
    })
  },
)

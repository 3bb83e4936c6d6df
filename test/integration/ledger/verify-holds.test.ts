import pg from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import type { LedgerCommand } from "../../../ledger/domain/commands.ts"
import { expireHolds } from "../../../ledger/holds/expire-holds.ts"
import { continueRedaction } from "../../../ledger/redactions/continue-redaction.ts"
import { createLedgerWriter } from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createLogger } from "../../../platform/logger.ts"
import {
  captureHoldCommand,
  placeHoldCommand,
  redactCommand,
  releaseHoldCommand,
  reverseCommand,
} from "../../support/hold-commands.ts"
import { liveThrough } from "../../support/live-through.ts"
import { adjustCommand, createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
let owner: pg.Client

/** Settlement, deposits and revocations, and on top of them every hold, reversal and erasure there is. */
beforeAll(async () => {
  ledger = await createTestLedger()
  owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
  await liveThrough(ledger)
  const writer = createLedgerWriter({
    ...ledger,
    tokens: createTokenDirectory(ledger.db, ledger.ledgerId),
    logger: createLogger("test", "silent"),
  })
  const record = async (command: LedgerCommand): Promise<bigint> => {
    const result = await writer.execute(command)
    if (result.outcome !== "recorded") throw new Error(JSON.stringify(result.outcome))
    return result.operation.position
  }
  const hold = (operationId: string, amount: bigint) =>
    record(placeHoldCommand(ledger.tokenId, operationId, "ann", amount))
  await hold("open", 3n)
  await record(captureHoldCommand("capture", await hold("captured", 5n), 4n))
  await record(releaseHoldCommand("release", await hold("released", 6n)))
  const expired = await record(placeHoldCommand(ledger.tokenId, "expired", "ann", 7n, { inMs: 50 }))
  await new Promise((resolve) => setTimeout(resolve, 100))
  await expireHolds(ledger.db, ledger.ledgerId, [expired], new Date())
  const credit = await record(adjustCommand(ledger.tokenId, "credit", [["bob", 9n]]))
  await record(reverseCommand("undo", credit))
  await record(redactCommand("erase-one", [credit]))
  const { rows } = await owner.query(
    "SELECT position FROM ledger.events e JOIN ledger.accounts a USING (ledger_id, account_id) WHERE user_id = 'carl' AND details IS NOT NULL ORDER BY 1",
  )
  // The first step takes one event only, as if there were too many for it.
  const [first] = rows.map(({ position }) => position as bigint)
  const erasure = await record(redactCommand("erase-carl", [first ?? 0n], "carl"))
  const next = () => continueRedaction(ledger.db, ledger.ledgerId, erasure, new Date())
  expect(await next()).toEqual({ isFinished: true, redacted: BigInt(rows.length) })
  expect(await next()).toEqual({ isFinished: true, redacted: BigInt(rows.length) })
  await writer.stop()
})
afterAll(async () => {
  await owner?.end()
  await ledger?.close()
})

const verify = () => verifyLedger(ledger.db, ledger.ledgerId)

test("a ledger that nobody touched holds", async () => {
  const { rows } = await owner.query(
    "SELECT type, count(*)::int AS n FROM ledger.events WHERE type ~ 'Hold|Reversed|Redacted' GROUP BY type",
  )
  expect(Object.fromEntries(rows.map(({ type, n }) => [type, n]))).toEqual({
    HoldPlaced: 4,
    HoldCaptured: 1,
    HoldReleased: 1,
    HoldExpired: 1,
    AdjustmentReversed: 1,
    DetailsRedacted: 3,
  })
  expect(await verify()).toMatchObject({ ok: true, redacted: 6n })
})

describe("verify names what was changed behind the log's back:", () => {
  const at = (type: string) =>
    `(SELECT position FROM ledger.events WHERE type = '${type}' ORDER BY 1 LIMIT 1)`
  const hold = /^ledger\.holds, row of position \d+: /
  const history = /^ledger\.balance_history, row of account_id \d+, position \d+: /
  const withColumn = (start: RegExp, column: string) =>
    new RegExp(`${start.source}(.*; )?${column} is \\S+, the log says `)
  const kinds: [string, RegExp, string][] = [
    [
      "what a hold keeps",
      withColumn(hold, "amount"),
      "UPDATE ledger.holds SET amount = 8 WHERE state = 'open'",
    ],
    ["whose a hold is", withColumn(hold, "account_id"), "UPDATE ledger.holds SET account_id = 2"],
    [
      "when a hold expires",
      withColumn(hold, "expires_at"),
      "UPDATE ledger.holds SET expires_at = expires_at + interval '1 ms'",
    ],
    [
      "what was captured",
      withColumn(hold, "captured"),
      "UPDATE ledger.holds SET captured = 5 WHERE state = 'captured'",
    ],
    [
      "an open hold that is said to have ended",
      withColumn(hold, "state"),
      "UPDATE ledger.holds SET state = 'released', ended_position = 1000 WHERE state = 'open'",
    ],
    [
      "an ended hold that is said to be open",
      withColumn(hold, "state"),
      "UPDATE ledger.holds SET state = 'open', ended_position = NULL WHERE state = 'expired'",
    ],
    [
      "two holds that have changed their ends",
      withColumn(hold, "state"),
      `UPDATE ledger.holds SET state = CASE state WHEN 'released' THEN 'expired' ELSE 'released' END WHERE state IN ('released', 'expired')`,
    ],
    [
      "where a hold ended",
      withColumn(hold, "state"),
      `UPDATE ledger.holds SET ended_position = ${at("HoldExpired")} WHERE state = 'captured'`,
    ],
    [
      "a hold that is gone",
      /^ledger\.holds lacks the row of position \d+/,
      "DELETE FROM ledger.holds WHERE state = 'open'",
    ],
    [
      "a hold that never was",
      /^ledger\.holds has a row of position 1, which the log does not give/,
      "INSERT INTO ledger.holds SELECT ledger_id, 1, account_id, amount, expires_at, 'open', 0, NULL FROM ledger.holds WHERE state = 'open'",
    ],
    [
      "a reversal that is gone",
      /^ledger\.reversals lacks the row of reversed_position \d+/,
      "DELETE FROM ledger.reversals",
    ],
    [
      "a reversal that never was",
      /^ledger\.reversals has a row of reversed_position 1, which the log does not give/,
      "INSERT INTO ledger.reversals SELECT ledger_id, 1, position FROM ledger.reversals",
    ],
    [
      "what was reversed",
      /^ledger\.reversals (lacks the|has a) row of reversed_position \d+/,
      "UPDATE ledger.reversals SET reversed_position = 1",
    ],
    [
      "what reversed it",
      /^ledger\.reversals lacks the row of reversed_position \d+|has a row of reversed_position|position is \d+, the log says/,
      "UPDATE ledger.reversals SET position = position + 1",
    ],
    ...(["pending", "confirmed", "locked"] as const).flatMap((column): [string, RegExp, string][] => [
      [
        `what an account's ${column} figure was`,
        withColumn(history, column),
        `UPDATE ledger.balance_history SET ${column} = ${column} + 1 WHERE position = ${at("HoldReleased")}`,
      ],
      [
        `its ${column} figure after a settlement`,
        withColumn(history, column),
        `UPDATE ledger.balance_history SET ${column} = ${column} + 1 WHERE position = ${at("SettlementConfirmed")} AND account_id = 1`,
      ],
      [
        `its ${column} figure after a revocation`,
        withColumn(history, column),
        `UPDATE ledger.balance_history SET ${column} = ${column} - 1 WHERE position = (SELECT max(position) FROM ledger.events WHERE type = 'ConfirmationRevoked')`,
      ],
    ]),
    [
      "a past figure that is gone",
      /^ledger\.balance_history(, row of| has \d+ rows, the log leaves \d+)/,
      `DELETE FROM ledger.balance_history WHERE position = (SELECT max(position) FROM ledger.balance_history)`,
    ],
    [
      "a past figure that never was",
      /^ledger\.balance_history has a row of account_id 1, position 1, which the log does not give/,
      "INSERT INTO ledger.balance_history SELECT ledger_id, 1, 1, 0, 0, 0 FROM ledger.head",
    ],
    [
      "how far an erasure has come",
      /^ledger\.redactions, row of position \d+: redacted is \d+, the log says \d+/,
      "UPDATE ledger.redactions SET redacted = redacted + 1",
    ],
    [
      "in how many steps",
      /^ledger\.redactions, row of position \d+: steps is 9, the log says 2/,
      "UPDATE ledger.redactions SET steps = 9",
    ],
    [
      "whose details were erased",
      /^ledger\.redactions, row of position \d+: user_id is ann, the log says carl/,
      "UPDATE ledger.redactions SET user_id = 'ann'",
    ],
    [
      "an erasure that is gone",
      /^ledger\.redactions lacks the row of position \d+/,
      "DELETE FROM ledger.redactions",
    ],
    [
      "an erasure that never was",
      /^ledger\.redactions has a row of position 3, which the log does not give/,
      "INSERT INTO ledger.redactions SELECT ledger_id, 3, 'ann', 1, 1, 1, now() FROM ledger.redactions",
    ],
    [
      "details that are gone without an erasure",
      /^its details are gone, and no DetailsRedacted names it/,
      "UPDATE ledger.events SET details = NULL, salt = NULL WHERE operation_id = 'spend' AND account_id = 1",
    ],
    [
      "an erasure that has left details behind",
      /^a DetailsRedacted names it, and its details are not gone|^its details do not give their hash/,
      `UPDATE ledger.events SET details = '{}', salt = decode(repeat('00', 16), 'hex') WHERE operation_id = 'credit'`,
    ],
    [
      "when the last event was recorded",
      /^ledger\.head says that the last event was recorded at 2001/,
      "UPDATE ledger.head SET recorded_at = '2001-01-01Z'",
    ],
  ]

  test.each(kinds)("%s", async (_, problem, statement) => {
    // Triggers and foreign keys are switched off: nothing but verify is left to see it.
    await owner.query("SET session_replication_role = replica")
    const all = ["holds", "reversals", "balance_history", "redactions", "head", "events"]
    for (const table of all) await owner.query(`CREATE TEMP TABLE kept_${table} AS TABLE ledger.${table}`)
    try {
      const { rowCount } = await owner.query(statement)
      expect(rowCount).toBeGreaterThan(0)
      expect(await verify()).toMatchObject({ ok: false, problem: expect.stringMatching(problem) })
    } finally {
      for (const table of all) {
        await owner.query(
          `DELETE FROM ledger.${table}; INSERT INTO ledger.${table} TABLE kept_${table}; DROP TABLE kept_${table}`,
        )
      }
    }
    expect(await verify()).toMatchObject({ ok: true })
  })
})

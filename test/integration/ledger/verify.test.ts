import pg from "pg"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { liveThrough } from "../../support/live-through.ts"
import { createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

let ledger: TestLedger
let owner: pg.Client
let otherTokenId: number

beforeAll(async () => {
  ledger = await createTestLedger()
  owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await owner.connect()
  const { rows } = await owner.query(`
    INSERT INTO registry.tokens (chain_id, token_address, symbol, name, decimals, features, settlement_mode, start_block, strategy)
    VALUES (31337, '0x${"55".repeat(20)}', 'OTHER', 'OTHER', 18, '{settle}', 'settle', 0, '{}') RETURNING token_id`)
  otherTokenId = rows[0].token_id
  await liveThrough(ledger)
})
afterAll(async () => {
  await owner?.end()
  await ledger?.close()
})

const verify = () => verifyLedger(ledger.db, ledger.ledgerId)

test("a ledger that nobody touched holds, with all that settlement and the chain did to it", async () => {
  const { rows } = await owner.query("SELECT type, count(*)::int AS n FROM ledger.events GROUP BY type")
  expect(Object.fromEntries(rows.map(({ type, n }) => [type, n]))).toEqual({
    AccountOpened: 4,
    AdjustmentRecorded: 12,
    SettlementSealed: 4,
    SettlementNetted: 1,
    SettlementConfirmed: 3,
    SettlementDeferred: 1,
    DepositObserved: 2,
    ConfirmationRevoked: 2,
  })
  const { rows: states } = await owner.query(
    "SELECT DISTINCT state FROM settlement.batch_items ORDER BY state",
  )
  expect(states.map(({ state }) => state)).toEqual(["netted", "sealed", "settled", "waiting"])
  expect(await verify()).toMatchObject({ ok: true, accounts: 4 })
})

describe("verify names what was changed behind the log's back:", () => {
  const hash = "ab".repeat(32)
  const newAddress = "66".repeat(20)
  const kinds: [string, RegExp, string | (() => string)][] = [
    [
      "the address of an account",
      /^ledger\.accounts, row of account_id 1: address is 0x6666.*, the log says 0x/,
      `UPDATE ledger.accounts SET address = '0x${newAddress}' WHERE user_id = 'ann'`,
    ],
    [
      "the users of two accounts",
      /^ledger\.accounts, row of account_id 1: user_id is bob, the log says ann/,
      `UPDATE ledger.accounts SET user_id = 'x' WHERE user_id = 'ann'; UPDATE ledger.accounts SET user_id = 'ann' WHERE user_id = 'bob';
       UPDATE ledger.accounts SET user_id = 'bob' WHERE user_id = 'x'`,
    ],
    [
      "the token of an account",
      /^ledger\.accounts, row of account_id 4: token_address is 0x5555/,
      () => `UPDATE ledger.accounts SET token_id = ${otherTokenId} WHERE user_id = 'dora'`,
    ],
    [
      "where an account was opened",
      /account_id 2: opened_position is 1, the log says 2/,
      "UPDATE ledger.accounts SET opened_position = 1 WHERE user_id = 'bob'",
    ],
    [
      "an account that nobody opened",
      /^ledger\.accounts has a row of account_id 9, which the log does not give/,
      () =>
        `INSERT INTO ledger.accounts SELECT ledger_id, 9, 'eve', token_id, '0x${newAddress}', 1 FROM ledger.accounts WHERE account_id = 1`,
    ],
    [
      "a balance",
      /^ledger\.balances, account 1: the table says pending 452/,
      "UPDATE ledger.balances SET pending = pending + 1 WHERE account_id = 1",
    ],
    [
      "held money",
      /account 1: the table says locked 1000, the log says 0/,
      "UPDATE ledger.balances SET locked = 1000",
    ],
    [
      "the position of a balance",
      /account 1: the table says that position 0 touched it last, the log says \d+/,
      "UPDATE ledger.balances SET position = 0",
    ],
    [
      "the time of a balance",
      /account 1: the table says that it changed at 2001/,
      "UPDATE ledger.balances SET changed_at = '2001-01-01Z'",
    ],
    [
      "a balance that is gone",
      /^ledger\.balances has 3 rows, the log opens 4 accounts/,
      "DELETE FROM ledger.balances WHERE account_id = 2",
    ],
    [
      "the count of accounts",
      /^ledger\.head counts 0 accounts and 4 batches, the log has 4 and 4/,
      "UPDATE ledger.head SET account_count = 0",
    ],
    ["the count of batches", /counts 4 accounts and 77 batches/, "UPDATE ledger.head SET batch_count = 77"],
    [
      "an operation that is gone",
      /^ledger\.operations lacks the row of operation_id spend, sequence 0/,
      "DELETE FROM ledger.operations WHERE operation_id = 'spend'",
    ],
    [
      "an operation that never was",
      /^ledger\.operations has a row of operation_id ghost, sequence 0/,
      "INSERT INTO ledger.operations SELECT ledger_id, 'ghost', sequence, request_hash, route, first_position, last_position, recorded_at, answer_context FROM ledger.operations WHERE operation_id = 'fund'",
    ],
    [
      "an operation under another key",
      /operation_id (fund|fund-2), sequence 0/,
      "UPDATE ledger.operations SET operation_id = 'fund-2' WHERE operation_id = 'fund'",
    ],
    [
      "the hash of a request",
      /row of operation_id fund, sequence 0: request_hash is abab.*, the log says 0404/,
      `UPDATE ledger.operations SET request_hash = decode('${hash}', 'hex') WHERE operation_id = 'fund'`,
    ],
    [
      "the first event of an operation",
      /operation_id spend, sequence 0: events is 4, the log says 3; first_position/,
      "UPDATE ledger.operations SET first_position = first_position - 1 WHERE operation_id = 'spend'",
    ],
    [
      "the last event of an operation",
      /operation_id spend, sequence 0: events is 2, the log says 3; last_position/,
      "UPDATE ledger.operations SET last_position = last_position - 1 WHERE operation_id = 'spend'",
    ],
    [
      "when an operation was recorded",
      /operation_id fund, sequence 0: recorded_at is 2001/,
      "UPDATE ledger.operations SET recorded_at = '2001-01-01Z' WHERE operation_id = 'fund'",
    ],
    ...(
      [
        ["chain_id", "1"],
        ["block_number", "99"],
        ["block_hash", `'0x${hash}'`],
        ["log_index", "99"],
        ["account_id", "3"],
        ["batch_sequence", "77"],
        ["revoked_position", "3"],
      ] as const
    ).map(([column, value]): [string, RegExp, string] => [
      `the ${column} of a confirmation`,
      new RegExp(`^ledger\\.confirmations, row of position \\d+: ${column} is \\S+, the log says `),
      `UPDATE ledger.confirmations SET ${column} = ${value} WHERE position = (SELECT position FROM ledger.events WHERE type = 'DepositObserved' ORDER BY 1 LIMIT 1)`,
    ]),
    [
      "a revocation that is forgotten",
      /^ledger\.confirmations, row of position \d+: revoked_position is null, the log says \d+/,
      "UPDATE ledger.confirmations SET revoked_position = NULL",
    ],
    [
      "a confirmation that is gone",
      /^ledger\.confirmations lacks the row of position \d+/,
      "DELETE FROM ledger.confirmations WHERE batch_sequence = 1",
    ],
    [
      "a confirmation that never was",
      /^ledger\.confirmations has a row of position 1, which the log does not give/,
      "INSERT INTO ledger.confirmations SELECT ledger_id, 1, chain_id, 99, block_hash, 99, account_id, 99, NULL FROM ledger.confirmations LIMIT 1",
    ],
    [
      "the bytes of a batch",
      /^settlement\.batches, batch 1: the hash of deltas is 0x/,
      `UPDATE settlement.batches SET deltas = decode('${newAddress}000000000000000000000fff', 'hex') WHERE batch_sequence = 1`,
    ],
    [
      "the content hash of a batch",
      /batch 2: content_hash is 0xabab.*, the log says 0x/,
      `UPDATE settlement.batches SET content_hash = '0x${hash}' WHERE batch_sequence = 2`,
    ],
    [
      "the id of a batch",
      /batch 2: batch_id is 0xabab.*, the log says 0x/,
      `UPDATE settlement.batches SET batch_id = '0x${hash}' WHERE batch_sequence = 2`,
    ],
    [
      "where a batch was sealed",
      /batch 2: position 1 does not seal it/,
      "UPDATE settlement.batches SET sealed_position = 1 WHERE batch_sequence = 2",
    ],
    [
      "when a batch was sealed",
      /batch 2: sealed_at is 2001/,
      "UPDATE settlement.batches SET sealed_at = '2001-01-01Z' WHERE batch_sequence = 2",
    ],
    [
      "when a batch was confirmed",
      /batch 1: confirmed_at is 2001/,
      "UPDATE settlement.batches SET confirmed_at = '2001-01-01Z' WHERE state = 'confirmed'",
    ],
    [
      "by what a batch was confirmed",
      /batch 1: confirmed_position is 1, position \d+ says/,
      "UPDATE settlement.batches SET confirmed_position = 1 WHERE state = 'confirmed'",
    ],
    [
      "an account of a batch that never was",
      /^settlement\.batch_accounts has account 1 of batch 99, and there is no such account or batch/,
      "INSERT INTO settlement.batch_accounts SELECT (jsonb_populate_record(b, '{\"batch_sequence\": 99}')).* FROM settlement.batch_accounts b WHERE account_id = 1 LIMIT 1",
    ],
    [
      "an anchor of a checkpoint that never was",
      /^settlement\.anchors has a row of tree_size 7/,
      "INSERT INTO settlement.anchors (ledger_id, tree_size, chain_id, contract, state, sealed_at) SELECT ledger_id, 7, chain_id, token_address, 'confirmed', now() FROM ledger.accounts a JOIN registry.tokens USING (token_id) LIMIT 1",
    ],
    [
      "the trigger of a batch",
      /batch 2: trigger is size, the log says flush/,
      "UPDATE settlement.batches SET trigger = 'size' WHERE batch_sequence = 2",
    ],
    [
      "the token of a batch",
      /batch 2: token_address of its token is 0x5555/,
      () => `UPDATE settlement.batches SET token_id = ${otherTokenId} WHERE batch_sequence = 2`,
    ],
    [
      "the recipients of a batch",
      /batch 1: recipients is 9, the log says 2/,
      "UPDATE settlement.batches SET recipients = 9",
    ],
    [
      "the changes of a batch",
      /batch 1: changes is 9, the log says 2/,
      "UPDATE settlement.batches SET changes = 9",
    ],
    [
      "a batch that is said to be open",
      /batch 1: state is sealed, position \d+ says confirmed/,
      "UPDATE settlement.batches SET state = 'sealed'",
    ],
    [
      "a batch that is said to be confirmed",
      /batch 4: state is confirmed, and no confirmation stands/,
      "UPDATE settlement.batches SET state = 'confirmed' WHERE batch_sequence = 4",
    ],
    [
      "the transaction of a confirmed batch",
      /batch 1: tx_hash is 0xabab.*, position \d+ says 0x/,
      `UPDATE settlement.batches SET tx_hash = '0x${hash}' WHERE batch_sequence = 1`,
    ],
    [
      "the block of a confirmed batch",
      /batch 1: block_number is 99, position \d+ says \d+/,
      "UPDATE settlement.batches SET block_number = 99 WHERE batch_sequence = 1",
    ],
    [
      "the hash of a confirmed batch's block",
      /batch 1: block_hash is 0xabab/,
      `UPDATE settlement.batches SET block_hash = '0x${hash}' WHERE batch_sequence = 1`,
    ],
    [
      "what a batch moves of an account",
      /batch 4: settlement\.batch_accounts, account 3: delta is 10, the log says 9/,
      "UPDATE settlement.batch_accounts SET delta = delta + 1 WHERE batch_sequence = 4",
    ],
    [
      "what became of an account in its batch",
      /batch 2: settlement\.batch_accounts, account 2: state is settled, by the log it is deferred/,
      "UPDATE settlement.batch_accounts SET state = 'settled' WHERE batch_sequence = 2",
    ],
    [
      "an account that is taken out of its batch",
      /batch 2: settlement\.batch_accounts lacks account 2/,
      "DELETE FROM settlement.batch_accounts WHERE batch_sequence = 2 AND account_id = 2",
    ],
    [
      "an account that is put into a batch",
      /batch 2: settlement\.batch_accounts has account 3, the log does not/,
      "INSERT INTO settlement.batch_accounts SELECT ledger_id, 2, 3, 1, 'settled' FROM ledger.head",
    ],
    ...(
      [
        ["account_id", "waiting", "1"],
        ["token_id", "waiting", "77"],
        ["amount", "waiting", "amount + 1"],
        ["amount", "netted", "amount + 1"],
        ["priority", "waiting", "3"],
        ["recorded_at", "waiting", "'2001-01-01Z'"],
        ["state", "waiting", "'netted'"],
        ["state", "netted", "'waiting'"],
        ["state", "settled", "'sealed'"],
        ["state", "sealed", "'settled'"],
        ["batch_sequence", "sealed", "1"],
        ["batch_sequence", "settled", "4"],
      ] as const
    ).map(([column, state, value]): [string, RegExp, string] => [
      `the ${column} of an item that is ${state}`,
      new RegExp(`^settlement\\.batch_items, row of position \\d+: ${column} is \\S+, the log says `),
      `UPDATE settlement.batch_items SET ${column} = ${value} WHERE state = '${state}'`,
    ]),
    [
      "a settled change that is to be settled again",
      /^settlement\.batch_items, row of position \d+: state is waiting, the log says settled; batch_sequence is null, the log says 1/,
      "UPDATE settlement.batch_items SET state = 'waiting', batch_sequence = NULL WHERE state = 'settled' AND batch_sequence = 1",
    ],
    [
      "an item that is gone",
      /^settlement\.batch_items lacks the row of position \d+/,
      "DELETE FROM settlement.batch_items WHERE state = 'waiting'",
    ],
    [
      "a change that is to be taken in again",
      /^settlement\.batch_items lacks the row of position \d+/,
      "DELETE FROM settlement.batch_items WHERE state = 'settled'; UPDATE settlement.intake SET position = 0",
    ],
    [
      "an intake that has gone back",
      /^settlement\.batch_items has a row of position \d+, which the log does not give/,
      "UPDATE settlement.intake SET position = position - 1",
    ],
    [
      "an intake that has jumped over changes",
      /^settlement\.batch_items lacks the row of position \d+/,
      "UPDATE settlement.intake SET position = (SELECT position FROM ledger.head)",
    ],
    [
      "an intake that will jump over changes",
      /^settlement\.intake says that it has read up to \d+, the log ends at \d+/,
      `INSERT INTO settlement.batch_items SELECT e.ledger_id, e.position, e.account_id, a.token_id, e.amount, 1, false, now(), e.recorded_at, 'waiting'
         FROM ledger.events e JOIN ledger.accounts a USING (ledger_id, account_id)
         WHERE e.type = 'AdjustmentRecorded' AND e.operation_id = 'late';
       UPDATE settlement.intake SET position = 1000`,
    ],
  ]

  test.each(kinds)("%s", async (_, problem, statement) => {
    // Foreign keys are triggers too: nothing but verify is left to see it.
    await owner.query(`SET session_replication_role = replica`)
    const tables = [
      "ledger.accounts",
      "ledger.balances",
      "ledger.head",
      "ledger.operations",
      "ledger.confirmations",
    ]
    const settled = [
      "settlement.lanes",
      "settlement.batches",
      "settlement.batch_accounts",
      "settlement.batch_items",
      "settlement.intake",
      "settlement.anchors",
    ]
    const all = [...tables, ...settled]
    for (const [index, table] of all.entries())
      await owner.query(`CREATE TEMP TABLE kept_${index} AS TABLE ${table}`)
    try {
      const results = [await owner.query(typeof statement === "string" ? statement : statement())].flat()
      expect(results.every(({ rowCount }) => (rowCount ?? 0) > 0)).toBe(true)
      const result = await verify()
      expect(result).toMatchObject({ ok: false, problem: expect.stringMatching(problem) })
    } finally {
      for (const [index, table] of all.entries()) {
        await owner.query(
          `DELETE FROM ${table}; INSERT INTO ${table} TABLE kept_${index}; DROP TABLE kept_${index}`,
        )
      }
    }
    expect(await verify()).toMatchObject({ ok: true })
  })
})

import { sql } from "kysely"
import { changeTypes } from "../../domain/events.ts"
import { describeView } from "./describe-view.ts"
import { movesOf, sealsOf } from "./events-of.ts"
import { batchesOf, fatesOf, settledOf } from "./history-fates.ts"
import type { EventPage, Projection, TableOf } from "./projection.ts"

const columns = sql`position, account_id, kind, operation_id, sequence, amount, locked_change, balance_after, reason_type, business_type,
  transaction_hash, block_number, recorded_at`
const fateColumns = sql`position, said_position, state, batch_sequence`
const batchColumns = sql`batch_sequence, batch_id, sealed_position, accounts, confirmed_position, transaction_hash, block_number, confirmed_at, unsettled_accounts`

/**
 * `analytics.history`: what moved whose balance, and what settlement has made of it. Rows are only ever added: what later events say of a change is in `history_fates`, a row
 * for each word; only what is said of a whole batch changes one row of `history_batches`. What callers wrote in free words is not here: it can be erased, and stays in the log alone.
 */
export const history: Projection = {
  name: "history",
  version: 2,
  handles: {
    AccountOpened: "ignored",
    AdjustmentRecorded: [1],
    AdjustmentReversed: [1],
    HoldPlaced: [1],
    HoldCaptured: [1],
    HoldReleased: [1],
    HoldExpired: [1],
    SettlementSealed: [1],
    SettlementNetted: [1],
    SettlementConfirmed: [1],
    SettlementDeferred: [1],
    SettlementCancelled: [1],
    SettlementDissolved: [1],
    SettlementDiscarded: [1],
    DepositObserved: [1],
    WithdrawalObserved: [1],
    ConfirmationRevoked: [1],
    DetailsRedacted: "ignored",
    CheckpointAnchored: "ignored",
  },
  tables: ["history", "history_fates", "history_batches"],
  init: (table) => [
    sql`
      CREATE TABLE ${table("history")} (
        ledger_id uuid NOT NULL,
        position bigint NOT NULL,
        account_id bigint NOT NULL,
        kind text NOT NULL,
        operation_id text,
        sequence integer,
        amount numeric(78, 0) NOT NULL,
        locked_change numeric(78, 0) NOT NULL,
        balance_after numeric(78, 0) NOT NULL,
        reason_type text NOT NULL,
        business_type text NOT NULL,
        transaction_hash text,
        block_number bigint,
        recorded_at timestamptz(3) NOT NULL
      )`,
    sql`
      CREATE TABLE ${table("history_fates")} (
        ledger_id uuid NOT NULL,
        position bigint NOT NULL,
        said_position bigint NOT NULL,
        state text NOT NULL CHECK (state IN ('sealed', 'netted', 'waiting', 'reversed', 'discarded')),
        batch_sequence bigint,
        CHECK ((batch_sequence IS NOT NULL) = (state = 'sealed'))
      )`,
    sql`
      CREATE TABLE ${table("history_batches")} (
        ledger_id uuid NOT NULL,
        batch_sequence bigint NOT NULL,
        batch_id text NOT NULL,
        sealed_position bigint NOT NULL,
        accounts integer NOT NULL,
        confirmed_position bigint,
        transaction_hash text,
        block_number bigint,
        confirmed_at timestamptz(3),
        unsettled_accounts bigint[],
        PRIMARY KEY (ledger_id, batch_sequence)
      )`,
  ],
  index: (table) => [
    sql`ALTER TABLE ${table("history")} ADD PRIMARY KEY (ledger_id, position, account_id)`,
    sql`ALTER TABLE ${table("history_fates")} ADD PRIMARY KEY (ledger_id, position, said_position)`,
    sql`CREATE INDEX ON ${table("history")} (ledger_id, account_id, position)`,
    sql`CREATE INDEX ON ${table("history")} USING brin (recorded_at)`,
  ],
  evolve: (page, table) => [
    sql`INSERT INTO ${table("history")} (ledger_id, ${columns}) SELECT ${page.ledgerId}::uuid, ${columns} FROM (${movesOf(page)}) AS m`,
    sql`
      INSERT INTO ${table("history_batches")} (ledger_id, batch_sequence, batch_id, sealed_position, accounts)
      SELECT ${page.ledgerId}::uuid, s.* FROM (${sealsOf(page)}) AS s`,
    sql`
      UPDATE ${table("history_batches")} AS b SET confirmed_position = s.confirmed_position, transaction_hash = s.transaction_hash,
        block_number = s.block_number, confirmed_at = s.confirmed_at, unsettled_accounts = s.unsettled_accounts
      FROM (${settledOf(page, sealsIn(page, table))}) AS s
      WHERE b.ledger_id = ${page.ledgerId} AND b.batch_sequence = s.batch_sequence`,
    sql`
      INSERT INTO ${table("history_fates")} (ledger_id, ${fateColumns})
      SELECT ${page.ledgerId}::uuid, ${fateColumns} FROM (${fatesOf(page, sealsIn(page, table))}) AS n`,
  ],
  views: (table) => [
    sql`
      CREATE OR REPLACE VIEW analytics.history AS
      SELECT h.ledger_id, h.position, h.account_id, a.user_id, t.chain_id, t.symbol AS token_symbol, t.decimals, h.kind, h.operation_id, h.sequence,
        h.amount, h.balance_after - h.amount AS balance_before, h.balance_after, h.locked_change, h.reason_type, h.business_type,
        CASE
          WHEN r.reversed_position IS NOT NULL THEN 'reversed'
          WHEN h.kind NOT IN (${sql.join(changeTypes.map((type) => sql.lit(type)))}) THEN 'confirmed'
          WHEN f.state = 'netted' THEN 'confirmed'
          WHEN f.state = 'discarded' THEN 'discarded'
          WHEN f.state IS DISTINCT FROM 'sealed' THEN 'pending'
          WHEN b.confirmed_position IS NOT NULL AND h.account_id <> ALL (b.unsettled_accounts) THEN 'confirmed'
          ELSE 'batching' END AS status,
        r.reversed_position, b.batch_id, coalesce(h.transaction_hash, b.transaction_hash) AS transaction_hash,
        coalesce(h.block_number, b.block_number) AS block_number, b.confirmed_at, h.recorded_at
      FROM ${table("history")} h
      JOIN ledger.accounts a ON a.ledger_id = h.ledger_id AND a.account_id = h.account_id
      JOIN registry.tokens t ON t.token_id = a.token_id
      LEFT JOIN LATERAL (
        SELECT state, batch_sequence FROM ${table("history_fates")}
        WHERE ledger_id = h.ledger_id AND position = h.position AND state <> 'reversed' ORDER BY said_position DESC LIMIT 1
      ) AS f ON true
      LEFT JOIN LATERAL (
        SELECT said_position AS reversed_position FROM ${table("history_fates")}
        WHERE ledger_id = h.ledger_id AND position = h.position AND state = 'reversed' LIMIT 1
      ) AS r ON true
      LEFT JOIN ${table("history_batches")} b ON b.ledger_id = h.ledger_id AND b.batch_sequence = f.batch_sequence`,
    ...describeView("history", "What moved the balance or the held amount of an account, a row each.", {
      ledger_id: "The app's ledger",
      position: "Of the event in the log",
      account_id: "The account within the ledger: a user in a token",
      user_id: "The app's own identifier of the user",
      chain_id: "Chain of the token",
      token_symbol: "The token",
      decimals: "Decimals of the token: amounts are integers in base units",
      kind: "Type of the event",
      operation_id: "The caller's operation, where it came from one",
      sequence: "Second part of the operation's key",
      amount: "Signed change of the balance, base units",
      balance_before: "Balance before it, base units",
      balance_after: "Balance after it, base units",
      locked_change: "Signed change of what is held, base units",
      reason_type: "Why, from the reason registry",
      business_type: "What kind of business it was",
      status: "pending, batching, confirmed, reversed or discarded, as far as the log says",
      reversed_position: "The event that took it back",
      batch_id: "The batch that settles it",
      transaction_hash: "The transaction on the chain",
      block_number: "The block on the chain",
      confirmed_at: "When its batch was confirmed",
      recorded_at: "When it was recorded",
    }),
  ],
  comparisons: (page, table) => {
    const stored = (name: string, of: typeof columns) =>
      sql`SELECT ${of} FROM ${table(name)} WHERE ledger_id = ${page.ledgerId}`
    const seals = sealsOf(page)
    return [
      {
        table: "history",
        keys: ["position", "account_id"],
        position: "position",
        logged: sql`SELECT ${columns} FROM (${movesOf(page)}) AS m`,
        stored: stored("history", columns),
      },
      {
        table: "history_batches",
        keys: ["batch_sequence"],
        position: "sealed_position",
        logged: batchesOf(page, seals),
        stored: stored("history_batches", batchColumns),
      },
      {
        table: "history_fates",
        keys: ["position", "said_position"],
        position: "said_position",
        logged: fatesOf(page, seals),
        stored: stored("history_fates", fateColumns),
      },
    ]
  },
}

/** The batches sealed up to the end of the page, of which this projection keeps its own list. */
function sealsIn({ ledgerId }: EventPage, table: TableOf) {
  return sql`SELECT batch_sequence, batch_id, sealed_position, accounts FROM ${table("history_batches")} WHERE ledger_id = ${ledgerId}`
}

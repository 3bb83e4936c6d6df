import { sql } from "kysely"
import { describeView } from "./describe-view.ts"
import { movesOf } from "./events-of.ts"
import type { EventPage, Projection } from "./projection.ts"

/**
 * `analytics.daily_totals`: what moved balances on a day (UTC), summed. All days of a token together give the sum of its balances. How many users took part is not
 * kept: it would need a row for each of them, and `count(DISTINCT account_id)` over the history says it.
 */
export const dailyTotals: Projection = {
  name: "daily_totals",
  version: 2,
  handles: {
    AccountOpened: "ignored",
    AdjustmentRecorded: [1],
    AdjustmentReversed: [1],
    HoldPlaced: "ignored",
    HoldCaptured: [1],
    HoldReleased: "ignored",
    HoldExpired: "ignored",
    SettlementSealed: "ignored",
    SettlementNetted: "ignored",
    SettlementConfirmed: [1],
    SettlementDeferred: "ignored",
    SettlementCancelled: "ignored",
    SettlementDissolved: "ignored",
    SettlementDiscarded: [1],
    DepositObserved: [1],
    WithdrawalObserved: [1],
    ConfirmationRevoked: [1],
    DetailsRedacted: "ignored",
    CheckpointAnchored: "ignored",
  },
  tables: ["daily_totals"],
  // Sums grow beyond what a balance can be: their columns have no limit.
  init: (table) => [
    sql`
      CREATE TABLE ${table("daily_totals")} (
        ledger_id uuid NOT NULL,
        day date NOT NULL,
        token_id integer NOT NULL,
        reason_type text NOT NULL,
        business_type text NOT NULL,
        changes bigint NOT NULL,
        credits numeric NOT NULL,
        debits numeric NOT NULL,
        PRIMARY KEY (ledger_id, day, token_id, reason_type, business_type)
      ) WITH (fillfactor = 50)`,
  ],
  index: () => [],
  evolve: (page, table) => [
    sql`
      INSERT INTO ${table("daily_totals")} AS d (ledger_id, day, token_id, reason_type, business_type, changes, credits, debits)
      SELECT ${page.ledgerId}::uuid, s.* FROM (${totalsOf(page)}) AS s
      ON CONFLICT (ledger_id, day, token_id, reason_type, business_type) DO UPDATE SET
        changes = d.changes + excluded.changes, credits = d.credits + excluded.credits, debits = d.debits + excluded.debits`,
  ],
  views: (table) => [
    sql`
      CREATE OR REPLACE VIEW analytics.daily_totals AS
      SELECT d.ledger_id, d.day, t.chain_id, t.symbol AS token_symbol, t.decimals, d.reason_type, d.business_type, d.changes, d.credits, d.debits,
        d.credits - d.debits AS net
      FROM ${table("daily_totals")} d JOIN registry.tokens t ON t.token_id = d.token_id`,
    ...describeView("daily_totals", "What moved balances, summed by day, token and reason.", {
      ledger_id: "The app's ledger",
      day: "Day in UTC on which it was recorded",
      chain_id: "Chain of the token",
      token_symbol: "The token",
      decimals: "Decimals of the token: sums are integers in base units",
      reason_type: "Why, from the reason registry",
      business_type: "What kind of business it was",
      changes: "Events that moved a balance",
      credits: "Sum of what was added, base units",
      debits: "Sum of what was taken, base units, without a sign",
      net: "Credits without debits",
    }),
  ],
  comparisons: (page, table) => [
    {
      table: "daily_totals",
      keys: ["day", "token_id", "reason_type", "business_type"],
      position: "position",
      logged: totalsOf(page),
      stored: sql`
        SELECT day, token_id, reason_type, business_type, changes, credits, debits
        FROM ${table("daily_totals")} WHERE ledger_id = ${page.ledgerId}`,
    },
  ],
}

function totalsOf(page: EventPage) {
  // LEFT JOIN: an account without a row has no token, which the table refuses.
  return sql`
    SELECT (m.recorded_at AT TIME ZONE 'UTC')::date AS day, a.token_id, m.reason_type, m.business_type, count(*) AS changes,
      coalesce(sum(m.amount) FILTER (WHERE m.amount > 0), 0) AS credits, coalesce(-sum(m.amount) FILTER (WHERE m.amount < 0), 0) AS debits
    FROM (${movesOf(page)}) AS m
    LEFT JOIN ledger.accounts a ON a.ledger_id = ${page.ledgerId} AND a.account_id = m.account_id
    WHERE m.amount <> 0
    GROUP BY 1, 2, 3, 4`
}

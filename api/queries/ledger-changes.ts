import type { Statement } from "../../ledger/store/statement.ts"

/** Types of events that change nothing about any account but their own. */
const ownAccountTypes = [
  "AccountOpened",
  "AdjustmentRecorded",
  "AdjustmentReversed",
  "HoldPlaced",
  "HoldCaptured",
  "HoldReleased",
  "HoldExpired",
  "DepositObserved",
  "WithdrawalObserved",
]

/** A state of a ledger that was seen. */
export type LedgerVersion = {
  readonly position: bigint
  readonly hash: Buffer
  /** Stands for the open dead letters, which come and go without an event. */
  readonly letters: string
}

export type LedgerChangesRow = LedgerVersion & {
  /** Whether the log still has the version that was named: after a restore it may not. */
  readonly is_continued: boolean | null
  /** Whose accounts changed since that version. */
  readonly users: string[] | null
  /** Whether accounts changed that are not named: everything may have. */
  readonly is_everything: boolean
}

/** So many events since the known version are looked at; more are everything. */
export const changesMax = 2_000

const text = `
  SELECT h.position, h.hash, l.letters, c.users, coalesce(c.is_everything, false) AS is_everything,
    CASE WHEN h.position = $2 THEN h.hash = $3
      ELSE (SELECT e.hash = $3 FROM ledger.event_log e WHERE e.ledger_id = h.ledger_id AND e.position = $2) END AS is_continued
  FROM ledger.head h
  CROSS JOIN LATERAL (
    SELECT count(*) || ' ' || coalesce(sum(d.dead_letter_id), 0) || ' ' || coalesce(max(d.dead_letter_id), 0) AS letters
    FROM settlement.dead_letters d WHERE d.ledger_id = h.ledger_id AND d.closed_at IS NULL
  ) AS l
  CROSS JOIN LATERAL (
    -- One account after the other: the plan is made for any position, and by that one a join would read all accounts each time.
    SELECT array_agg(DISTINCT (
        SELECT a.user_id FROM ledger.accounts a WHERE a.ledger_id = e.ledger_id AND a.account_id = e.account_id)) AS users,
      bool_or(e.type <> ALL($4::text[])) AS is_everything
    FROM ledger.event_log e
    WHERE e.ledger_id = h.ledger_id AND e.position > greatest($2::bigint, h.position - ${changesMax})
  ) AS c
  WHERE h.ledger_id = $1`

/** What became of a ledger since a version of it, all of one moment. */
export function readLedgerChanges(ledgerId: string, since: LedgerVersion | undefined): Statement {
  return {
    name: "api-ledger-changes",
    text,
    values: [ledgerId, since?.position ?? 0n, since?.hash ?? Buffer.alloc(0), ownAccountTypes],
  }
}

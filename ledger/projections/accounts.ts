import { sql } from "kysely"
import { invariant } from "../../platform/errors.ts"
import type { RecordedEvent } from "../domain/events.ts"
import type { LedgerTransaction } from "../store/ledger-transaction.ts"

/** `ledger.accounts`: one row for each AccountOpened. */
export async function projectAccounts(
  ledger: LedgerTransaction,
  events: readonly RecordedEvent[],
): Promise<void> {
  const opened = events.filter((event) => event.type === "AccountOpened")
  if (opened.length === 0) return
  const result = await sql`
    INSERT INTO ledger.accounts (ledger_id, account_id, user_id, token_id, address, opened_position)
    SELECT ${ledger.ledgerId}, a.account_id, a.user_id, t.token_id, a.address, a.position
    FROM unnest(
      ${opened.map((event) => event.account?.accountId.toString())}::bigint[],
      ${opened.map((event) => event.data.user_id)}::text[],
      ${opened.map((event) => event.data.chain_id)}::bigint[],
      ${opened.map((event) => event.data.token_address)}::text[],
      ${opened.map((event) => event.data.address)}::text[],
      ${opened.map((event) => event.position.toString())}::bigint[]
    ) AS a(account_id, user_id, chain_id, token_address, address, position)
    JOIN registry.tokens t ON t.chain_id = a.chain_id AND t.token_address = a.token_address`.execute(
    ledger.trx,
  )
  invariant(
    result.numAffectedRows === BigInt(opened.length),
    "an account was opened in a token that is not registered",
  )
}

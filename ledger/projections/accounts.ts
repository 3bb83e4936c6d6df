import type { RecordedEvent } from "../domain/events.ts"
import type { Statement } from "../store/statement.ts"

// LEFT JOIN: an account in a token that is not registered has no token_id, which the table refuses.
const text = `
  INSERT INTO ledger.accounts (ledger_id, account_id, user_id, token_id, address, opened_position)
  SELECT $1::uuid, a.account_id, a.user_id, t.token_id, a.address, a.position
  FROM unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bigint[])
    AS a(account_id, user_id, chain_id, token_address, address, position)
  LEFT JOIN registry.tokens t ON t.chain_id = a.chain_id AND t.token_address = a.token_address`

/** `ledger.accounts`: one row for each AccountOpened. */
export function projectAccounts(ledgerId: string, events: readonly RecordedEvent[]): Statement {
  const opened = events.filter((event) => event.type === "AccountOpened")
  return {
    name: "ledger-open-accounts",
    text,
    values: [
      ledgerId,
      opened.map((event) => event.account?.accountId.toString()),
      opened.map((event) => event.data.user_id),
      opened.map((event) => event.data.chain_id),
      opened.map((event) => event.data.token_address),
      opened.map((event) => event.data.address),
      opened.map((event) => event.position.toString()),
    ],
  }
}

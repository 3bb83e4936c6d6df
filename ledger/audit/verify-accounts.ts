import { sql, type Transaction } from "kysely"
import type { Database } from "../store/database.ts"
import { findDifference, type Problem } from "./find-difference.ts"

/** Every row of `ledger.accounts` is what its AccountOpened says: whose it is, in which token, at which address. */
export function verifyAccounts(trx: Transaction<Database>, ledgerId: string): Promise<Problem | null> {
  return findDifference(trx, {
    table: "ledger.accounts",
    keys: ["account_id"],
    position: "opened_position",
    logged: sql`
      SELECT account_id, position AS opened_position, data->>'user_id' AS user_id, (data->>'chain_id')::bigint AS chain_id,
        data->>'token_address' AS token_address, data->>'address' AS address
      FROM ledger.event_log WHERE ledger_id = ${ledgerId} AND type = 'AccountOpened'`,
    stored: sql`
      SELECT a.account_id, a.opened_position, a.user_id, t.chain_id, t.token_address, a.address
      FROM ledger.accounts a JOIN registry.tokens t ON t.token_id = a.token_id
      WHERE a.ledger_id = ${ledgerId}`,
  })
}

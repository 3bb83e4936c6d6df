import { sql, type Transaction } from "kysely"
import type { Initiator } from "../domain/operator-action.ts"
import type { Database } from "../store/database.ts"

/** Tells the database who changes the registry in this transaction, and why: its triggers write that into the versions and the audit log. */
export async function nameChange(
  trx: Transaction<Database>,
  initiator: Initiator,
  why: { readonly reason: string | null; readonly rolledBackTo?: number },
): Promise<void> {
  const settings = {
    actor: initiator.actor,
    request_id: initiator.requestId,
    address: initiator.address,
    reason: why.reason,
    rolled_back_to: why.rolledBackTo?.toString() ?? null,
  }
  for (const [name, value] of Object.entries(settings))
    await sql`SELECT set_config(${`chainbridge.${name}`}, ${value ?? ""}, true)`.execute(trx)
}

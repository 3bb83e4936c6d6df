import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { readWebhookPolicy } from "./webhook-policy.ts"

const removedAtOnce = 5_000

/** Removes deliveries that ended long ago, secrets that no longer sign, and what is left of deleted endpoints; never more at once than a moment's work. @returns whether there may be more */
export async function removeOldDeliveries(db: Kysely<Database>): Promise<boolean> {
  const { logKeptMs } = await readWebhookPolicy(db)
  const old = await sql`
    DELETE FROM webhooks.deliveries WHERE delivery_id IN (
      SELECT delivery_id FROM webhooks.deliveries
      WHERE settled_at < now() - ${logKeptMs} * interval '1 millisecond' AND redelivery_requested_at IS NULL
      LIMIT ${removedAtOnce})`.execute(db)
  const deleted = await sql`
    DELETE FROM webhooks.deliveries WHERE delivery_id IN (
      SELECT d.delivery_id FROM webhooks.endpoints e JOIN webhooks.deliveries d USING (endpoint_id)
      WHERE e.deleted_at IS NOT NULL LIMIT ${removedAtOnce})`.execute(db)
  await sql`
    DELETE FROM webhooks.endpoints e
    WHERE e.deleted_at IS NOT NULL AND NOT EXISTS (SELECT FROM webhooks.deliveries d WHERE d.endpoint_id = e.endpoint_id)`.execute(
    db,
  )
  await sql`DELETE FROM webhooks.secrets WHERE expires_at < now()`.execute(db)
  return [old, deleted].some(({ numAffectedRows }) => numAffectedRows === BigInt(removedAtOnce))
}

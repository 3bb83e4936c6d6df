import { type Refusal, refuse } from "../refusal.ts"
import type { Services } from "../services.ts"
import { checkTarget } from "./check-target.ts"
import { readWebhookPolicy } from "./webhook-policy.ts"

export const unknownWebhook = refuse("UNKNOWN_WEBHOOK", null, "use a webhook_id of GET /webhooks")
export const unknownDelivery = refuse(
  "UNKNOWN_DELIVERY",
  null,
  "use a delivery_id of GET /webhooks/{webhook_id}/deliveries; those that ended long ago are removed",
)
export const disabledWebhook = refuse(
  "WEBHOOK_DISABLED",
  null,
  'nothing is delivered to it; enable it first: PATCH /webhooks/{webhook_id} with {"is_enabled": true}',
)

/** Refuses an address that nothing would ever be delivered to. */
export async function refuseTarget(
  { db, webhooks }: Pick<Services, "db" | "webhooks">,
  url: string,
): Promise<Refusal | undefined> {
  const target = await checkTarget(url, await readWebhookPolicy(db), webhooks.resolve)
  return "refused" in target ? refuse("WEBHOOK_TARGET_REFUSED", "url", target.refused) : undefined
}

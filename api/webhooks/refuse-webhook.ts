import { type Refusal, refuse } from "../refusal.ts"
import type { Services } from "../services.ts"
import { urlMax } from "../validation/webhook-schemas.ts"
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

/** Reads an address, and refuses one that nothing would ever be delivered to. @returns the address as it is asked, in its one way of writing */
export async function readTarget(
  { db, webhooks }: Pick<Services, "db" | "webhooks">,
  url: string,
): Promise<Refusal | string> {
  const target = await checkTarget(url, await readWebhookPolicy(db), webhooks.resolve)
  if ("refused" in target) return refuse("WEBHOOK_TARGET_REFUSED", "url", target.refused)
  if (target.href.length > urlMax)
    return refuse(
      "WEBHOOK_TARGET_REFUSED",
      "url",
      `written out, with everything that a URL cannot hold escaped, it has more than ${urlMax} characters`,
    )
  return target.href
}

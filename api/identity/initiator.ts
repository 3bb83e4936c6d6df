import type { Context } from "hono"
import type { Initiator } from "../../ledger/domain/operator-action.ts"
import type { ApiEnv } from "../api-env.ts"
import { clientAddress } from "../middleware/client-address.ts"
import type { Account } from "../registry/api-keys.ts"
import type { Services } from "../services.ts"

/** Who acts in a request, as the audit log names it. */
export function initiatorOf(
  services: Pick<Services, "trustedProxies">,
  context: Context<ApiEnv>,
  { actor }: Pick<Account, "actor">,
): Initiator {
  return {
    actor,
    requestId: context.get("requestId"),
    address: clientAddress(context, services.trustedProxies),
  }
}

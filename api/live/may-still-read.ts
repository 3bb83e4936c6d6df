import type { Context } from "hono"
import type { ApiEnv } from "../api-env.ts"
import { authenticate } from "../middleware/authenticate.ts"
import type { Permission } from "../permissions.ts"
import type { Services } from "../services.ts"

/**
 * Whether who opened a stream may still read it. A person who is taken from one app to another would be let in, to the other one: the ledger has to be the one that is being read.
 * @param ledgerId of the caller when the stream was opened
 */
export async function mayStillRead(
  context: Context<ApiEnv>,
  services: Services,
  permission: Permission,
  ledgerId: string,
): Promise<boolean> {
  if ((await authenticate(context, services, permission)) !== undefined) return false
  return context.get("caller")?.ledgerId === ledgerId
}

import { z } from "@hono/zod-openapi"
import { initiatorOf } from "../identity/initiator.ts"
import { revokeKey } from "../identity/key-store.ts"
import { refuseKey } from "../identity/refuse-key.ts"
import { apiKeySchema, presentApiKey } from "../presenters/api-key.ts"
import { defineRoute } from "../route.ts"
import { keyIdSchema } from "../validation/identity-schemas.ts"

export const revokeKeyRoute = defineRoute({
  method: "post",
  path: "/admin/keys/{key_id}/revoke",
  tag: "Administration",
  summary: "End an API key at once, for good",
  permission: "keys.manage",
  params: z.object({ key_id: keyIdSchema }),
  answer: apiKeySchema,
  refusals: ["UNKNOWN_KEY"],
  async handle(services, { params, caller, context }) {
    const revoked = await revokeKey(
      services.db,
      caller,
      params.key_id,
      caller.permissions.has("apps.create"),
      initiatorOf(services, context, caller),
    )
    if ("refused" in revoked) return refuseKey(revoked)
    services.logger.warn({ actor: caller.actor, key: params.key_id }, "a key was revoked")
    services.keys.clear()
    return { data: presentApiKey(revoked) }
  },
})

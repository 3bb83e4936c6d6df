import { z } from "@hono/zod-openapi"
import { initiatorOf } from "../identity/initiator.ts"
import { rotateKey } from "../identity/key-store.ts"
import { refuseKey } from "../identity/refuse-key.ts"
import { refusePast } from "../identity/refuse-past.ts"
import { apiKeySchema, issuedKeySchema, presentApiKey } from "../presenters/api-key.ts"
import { defineRoute } from "../route.ts"
import { keyIdSchema, laterSchema } from "../validation/identity-schemas.ts"

const dayMs = 86_400_000

export const rotateKeyRoute = defineRoute({
  method: "post",
  path: "/admin/keys/{key_id}/rotate",
  tag: "Administration",
  summary: "Issue a key in the place of another, which goes on working for a while",
  permission: "keys.manage",
  params: z.object({ key_id: keyIdSchema }),
  body: z.strictObject({
    overlap_seconds: z
      .int("use a whole number from 0 to 2592000")
      .min(0, "use a whole number from 0 to 2592000")
      .max(2_592_000, "use at most 2592000, thirty days")
      .default(dayMs / 1_000)
      .openapi({ description: "For how long the old key still works; a day, unless given" }),
    expires_at: laterSchema
      .optional()
      .openapi({ description: "Of the new key; it lives as long as the old one was to, unless given" }),
  }),
  isBodyOptional: true,
  answer: z.object({ new: issuedKeySchema, old: apiKeySchema }),
  refusals: ["UNKNOWN_KEY", "KEY_ENDED"],
  shownOnce(data) {
    const { key_id } = data["new"] as { readonly key_id: string }
    return `the key ${key_id} was issued in its place, and is shown once; POST /admin/keys/${key_id}/rotate issues another one; if it has ended, issue a new one by POST /admin/keys`
  },
  async handle(services, { params, body, caller, context }) {
    const past = refusePast(body.expires_at)
    if (past !== undefined) return past
    const rotated = await rotateKey(
      services.db,
      caller,
      {
        keyId: params.key_id,
        overlapMs: body.overlap_seconds * 1_000,
        expiresAt: body.expires_at,
        mayBeOfInstallation: caller.permissions.has("apps.create"),
      },
      initiatorOf(services, context, caller),
    )
    if ("refused" in rotated) return refuseKey(rotated)
    services.logger.info(
      { actor: caller.actor, key: params.key_id, by: rotated.row.key_id },
      "a key was rotated",
    )
    services.keys.clear()
    const now = new Date()
    return {
      data: {
        new: { ...presentApiKey(rotated.row, now), api_key: rotated.secret },
        old: presentApiKey(rotated.old, now),
      },
    }
  },
})

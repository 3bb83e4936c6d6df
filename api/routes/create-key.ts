import { z } from "@hono/zod-openapi"
import { initiatorOf } from "../identity/initiator.ts"
import { createKey } from "../identity/key-store.ts"
import { refusePast } from "../identity/refuse-past.ts"
import { issuedKeySchema, presentApiKey } from "../presenters/api-key.ts"
import { defineRoute } from "../route.ts"
import { allowedFromSchema, labelSchema, laterSchema, scopesSchema } from "../validation/identity-schemas.ts"

export const createKeyRoute = defineRoute({
  method: "post",
  path: "/admin/keys",
  tag: "Administration",
  summary: "Issue an API key of the app; it is shown this once",
  permission: "keys.manage",
  body: z.strictObject({
    name: labelSchema.openapi({ description: "For people to recognise it by", example: "checkout" }),
    scopes: scopesSchema,
    allowed_from: allowedFromSchema.optional(),
    expires_at: laterSchema.optional().openapi({ description: "Never, unless given" }),
  }),
  answer: issuedKeySchema,
  refusals: [],
  shownOnce: ({ key_id }) =>
    `the key ${String(key_id)} was issued, and is shown once; POST /admin/keys/${String(key_id)}/rotate issues one in its place; if it has ended, issue another one under another key`,
  async handle(services, { body, caller, context }) {
    const past = refusePast(body.expires_at)
    if (past !== undefined) return past
    const key = {
      name: body.name,
      scopes: body.scopes,
      allowedFrom: body.allowed_from ?? null,
      expiresAt: body.expires_at ?? null,
      isOfInstallation: false,
    }
    const initiator = initiatorOf(services, context, caller)
    const issued = await services.db.transaction().execute((trx) => createKey(trx, caller, key, initiator))
    services.logger.info({ actor: caller.actor, key: issued.row.key_id }, "a key was issued")
    return { data: { ...presentApiKey(issued.row), api_key: issued.secret } }
  },
})

import { z } from "@hono/zod-openapi"
import { createApp as storeApp } from "../../ledger/store/create-app.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { createKey } from "../identity/key-store.ts"
import { issuedKeySchema, presentApiKey } from "../presenters/api-key.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { appNameSchema, labelSchema, scopesSchema } from "../validation/identity-schemas.ts"

const idOf = (key: unknown): string => (key as { readonly key_id: string }).key_id

export const createApp = defineRoute({
  method: "post",
  path: "/admin/apps",
  tag: "Administration",
  summary: "Make an app with its ledger and its first key, which is shown this once",
  permission: "apps.create",
  body: z.strictObject({
    name: appNameSchema,
    key: z
      .strictObject({ name: labelSchema, scopes: scopesSchema })
      .optional()
      .openapi({ description: "The app's first key; none, unless given" }),
  }),
  answer: z.object({
    app_id: z.string(),
    ledger_id: z.string(),
    name: z.string(),
    key: issuedKeySchema.nullable(),
  }),
  refusals: ["APP_EXISTS"],
  shownOnce: ({ app_id, key }) =>
    key === null
      ? null
      : `the app ${String(app_id)} was made with the key ${idOf(key)}, which is shown once; an admin of all apps has another one issued by POST /admin/keys/${idOf(key)}/rotate with X-App-Id: ${String(app_id)}, whoever has the database by chainbridge keys rotate ${idOf(key)}`,
  async handle(services, { body, caller, context }) {
    const initiator = initiatorOf(services, context, caller)
    const { name, key } = body
    try {
      const { app, issued } = await services.db.transaction().execute(async (trx) => {
        const made = await storeApp(trx, name)
        const after = { app_id: made.appId, name }
        const subject = `app:${made.appId}`
        await recordAction(trx, { ...initiator, ledgerId: null, action: "app.created", subject, after })
        const first = { allowedFrom: null, expiresAt: null, isOfInstallation: false }
        return {
          app: made,
          issued: key === undefined ? null : await createKey(trx, made, { ...key, ...first }, initiator),
        }
      })
      services.logger.info({ actor: caller.actor, app: app.appId }, "an app was made")
      return {
        data: {
          app_id: app.appId,
          ledger_id: app.ledgerId,
          name,
          key: issued === null ? null : { ...presentApiKey(issued.row), api_key: issued.secret },
        },
      }
    } catch (error) {
      const { constraint } = error as { constraint?: unknown }
      if (constraint !== "apps_name_key" && constraint !== "ledgers_name_key") throw error
      return refuse("APP_EXISTS", "name", "another app has this name; choose another one")
    }
  },
})

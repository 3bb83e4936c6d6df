import { z } from "@hono/zod-openapi"
import { type KeyRow, whyEnded } from "../identity/key-store.ts"
import { timeAnswer } from "../validation/schemas.ts"

export const apiKeySchema = z.object({
  key_id: z.string(),
  name: z.string(),
  key_prefix: z.string().openapi({ description: "The beginning of the key, to recognise it by" }),
  scopes: z.array(z.string()),
  allowed_from: z
    .array(z.string())
    .nullable()
    .openapi({ description: "Addresses that it may be used from; null: any" }),
  is_of_installation: z.boolean().openapi({ description: "May do what concerns every app" }),
  status: z.enum(["active", "replaced", "expired", "revoked"]).openapi({
    description: "`replaced`: another key was issued in its place; it works until `expires_at`",
  }),
  created_by: z.string(),
  created_at: timeAnswer,
  expires_at: timeAnswer.nullable(),
  revoked_at: timeAnswer.nullable(),
  last_used_at: timeAnswer.nullable().openapi({ description: "To the minute" }),
  replaced_by: z.string().nullable(),
})

/** With the key itself, which is shown this once. */
export const issuedKeySchema = apiKeySchema.extend({
  api_key: z.string().openapi({ description: "Shown this once: only its hash is stored", example: "cb_…" }),
})

export function presentApiKey(row: KeyRow, now = new Date()): z.infer<typeof apiKeySchema> {
  return {
    key_id: row.key_id,
    name: row.name,
    key_prefix: row.key_prefix,
    scopes: [...row.scopes],
    allowed_from: row.allowed_from === null ? null : [...row.allowed_from],
    is_of_installation: row.is_of_installation,
    status: statusOf(row, now),
    created_by: row.created_by,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at?.toISOString() ?? null,
    revoked_at: row.revoked_at?.toISOString() ?? null,
    last_used_at: row.last_used_at?.toISOString() ?? null,
    replaced_by: row.replaced_by,
  }
}

function statusOf(row: KeyRow, now: Date): z.infer<typeof apiKeySchema>["status"] {
  if (whyEnded(row, now) === null) return "active"
  if (row.revoked_at !== null) return "revoked"
  return row.expires_at !== null && row.expires_at <= now ? "expired" : "replaced"
}

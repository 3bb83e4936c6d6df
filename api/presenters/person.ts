import { z } from "@hono/zod-openapi"
import type { PersonRow } from "../identity/person-store.ts"
import { roles } from "../permissions.ts"
import { timeAnswer } from "../validation/schemas.ts"

const grantsAnswer = z
  .array(z.object({ role: z.enum(roles), app_id: z.string().nullable() }))
  .openapi({ description: "`app_id` null: every app, and what concerns them all" })

export const personSchema = z.object({
  person_id: z.string(),
  email: z.string(),
  name: z.string(),
  roles: grantsAnswer,
  has_password: z.boolean(),
  initial_password_until: timeAnswer
    .nullable()
    .openapi({ description: "Until then the initial password can be exchanged" }),
  linkable_until: timeAnswer
    .nullable()
    .openapi({ description: "Until then the first sign-in at the identity provider is awaited" }),
  identity_providers: z.array(z.string()).openapi({ description: "Where the person signs in elsewhere" }),
  disabled_at: timeAnswer.nullable(),
  created_by: z.string(),
  created_at: timeAnswer,
})

/** With the password, which is shown this once. */
export const invitedPersonSchema = personSchema.extend({
  initial_password: z.string().nullable().openapi({
    description: "Shown this once; good for its own exchange at `POST /auth/login`, for 72 hours",
  }),
})

export function presentPerson(row: PersonRow): z.infer<typeof personSchema> {
  return {
    person_id: row.person_id,
    email: row.email,
    name: row.name,
    roles: [...row.grants],
    has_password: row.has_password,
    initial_password_until: row.password_expires_at?.toISOString() ?? null,
    linkable_until: row.linkable_until?.toISOString() ?? null,
    identity_providers: [...row.issuers],
    disabled_at: row.disabled_at?.toISOString() ?? null,
    created_by: row.created_by,
    created_at: row.created_at.toISOString(),
  }
}

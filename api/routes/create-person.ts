import { z } from "@hono/zod-openapi"
import { initiatorOf } from "../identity/initiator.ts"
import { prepareInvitation } from "../identity/invite.ts"
import { createPerson } from "../identity/person-store.ts"
import { refusePerson } from "../identity/refuse-person.ts"
import { signInUnavailable } from "../identity/sign-in.ts"
import { invitedPersonSchema, presentPerson } from "../presenters/person.ts"
import { isRefusal } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { emailSchema, grantsSchema, labelSchema, signInBySchema } from "../validation/identity-schemas.ts"

export const createPersonRoute = defineRoute({
  method: "post",
  path: "/admin/people",
  tag: "Administration",
  summary: "Invite somebody, with an initial password or by the identity provider",
  permission: "people.manage",
  body: z.strictObject({
    email: emailSchema,
    name: labelSchema.openapi({ example: "Ann" }),
    roles: grantsSchema,
    sign_in: signInBySchema,
  }),
  answer: invitedPersonSchema,
  refusals: ["PERSON_EXISTS", "UNKNOWN_APP", "OVERLOADED", "SIGN_IN_UNAVAILABLE"],
  shownOnce: ({ person_id, initial_password }) =>
    initial_password === null
      ? null
      : `the person ${String(person_id)} was invited, and the initial password is shown once; POST /admin/people/${String(person_id)}/invite makes a new one`,
  async handle(services, { body, caller, context }) {
    if (services.identity === null) return signInUnavailable
    const { email, name } = body
    const prepared = await prepareInvitation(services.identity, body.sign_in)
    if (isRefusal(prepared)) return prepared
    const { invitation, initialPassword } = prepared
    const grants = body.roles.map(({ role, app_id }) => ({ role, appId: app_id }))
    const person = { email, name, grants, invitation, passwordHash: null }
    const made = await createPerson(services.db, person, initiatorOf(services, context, caller))
    if ("refused" in made) return refusePerson(made)
    services.logger.info({ actor: caller.actor, person: made.person_id }, "a person was invited")
    return { data: { ...presentPerson(made), initial_password: initialPassword } }
  },
})

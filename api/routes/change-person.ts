import { z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { ApiEnv } from "../api-env.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { prepareInvitation } from "../identity/invite.ts"
import {
  disablePerson,
  enablePerson,
  invitePerson,
  type PersonRefusal,
  type PersonRow,
  setGrants,
} from "../identity/person-store.ts"
import { refusePerson } from "../identity/refuse-person.ts"
import { signInUnavailable } from "../identity/sign-in.ts"
import type { Answer } from "../presenters/envelope.ts"
import { invitedPersonSchema, personSchema, presentPerson } from "../presenters/person.ts"
import { isRefusal, type Refusal } from "../refusal.ts"
import type { Account } from "../registry/api-keys.ts"
import { defineRoute } from "../route.ts"
import type { Services } from "../services.ts"
import { grantsSchema, personIdSchema, signInBySchema } from "../validation/identity-schemas.ts"

const params = z.object({ person_id: personIdSchema })
const common = { method: "post", tag: "Administration", permission: "people.manage", params } as const

export const setRoles = defineRoute({
  ...common,
  path: "/admin/people/{person_id}/roles",
  summary: "Say what a person is, in place of what it was",
  body: z.strictObject({ roles: grantsSchema }),
  answer: personSchema,
  refusals: ["UNKNOWN_PERSON", "UNKNOWN_APP", "LAST_ADMIN"],
  handle(services, { params: { person_id }, body, caller, context }) {
    const grants = body.roles.map(({ role, app_id }) => ({ role, appId: app_id }))
    const initiator = initiatorOf(services, context, caller)
    return answerWith(services, context, caller, setGrants(services.db, person_id, grants, initiator))
  },
})

export const disablePersonRoute = defineRoute({
  ...common,
  path: "/admin/people/{person_id}/disable",
  summary: "Let a person in no more, and end its sessions at once",
  answer: personSchema,
  refusals: ["UNKNOWN_PERSON", "LAST_ADMIN"],
  handle(services, { params: { person_id }, caller, context }) {
    const initiator = initiatorOf(services, context, caller)
    return answerWith(services, context, caller, disablePerson(services.db, person_id, initiator))
  },
})

export const enablePersonRoute = defineRoute({
  ...common,
  path: "/admin/people/{person_id}/enable",
  summary: "Let a disabled person in again",
  answer: personSchema,
  refusals: ["UNKNOWN_PERSON"],
  handle(services, { params: { person_id }, caller, context }) {
    const initiator = initiatorOf(services, context, caller)
    return answerWith(services, context, caller, enablePerson(services.db, person_id, initiator))
  },
})

export const invitePersonRoute = defineRoute({
  ...common,
  path: "/admin/people/{person_id}/invite",
  summary:
    "Give a person a new initial password, or have the identity provider vouch for it anew; its sessions end",
  body: z.strictObject({ sign_in: signInBySchema }),
  isBodyOptional: true,
  answer: invitedPersonSchema,
  refusals: ["UNKNOWN_PERSON", "OVERLOADED", "SIGN_IN_UNAVAILABLE"],
  shownOnce: ({ person_id, initial_password }) =>
    initial_password === null
      ? null
      : `the person ${String(person_id)} was invited anew, and the initial password is shown once; POST /admin/people/${String(person_id)}/invite, under another key, makes a new one`,
  async handle(services, { params: { person_id }, body, caller, context }) {
    if (services.identity === null) return signInUnavailable
    const prepared = await prepareInvitation(services.identity, body.sign_in)
    if (isRefusal(prepared)) return prepared
    const { invitation, initialPassword } = prepared
    const initiator = initiatorOf(services, context, caller)
    const invited = invitePerson(services.db, person_id, invitation, initiator)
    return answerWith(services, context, caller, invited, { initial_password: initialPassword })
  },
})

async function answerWith(
  services: Services,
  context: Context<ApiEnv>,
  caller: Account,
  changing: Promise<PersonRow | PersonRefusal>,
  also: object = {},
): Promise<Answer | Refusal> {
  const changed = await changing
  if ("refused" in changed) return refusePerson(changed)
  services.people.clear()
  const { actor } = caller
  services.logger.warn(
    { actor, route: context.get("route"), person: changed.person_id },
    "a person was changed",
  )
  return { data: { ...presentPerson(changed), ...also } }
}

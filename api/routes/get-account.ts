import { readPerson } from "../identity/person-store.ts"
import { personSchema, presentPerson } from "../presenters/person.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"

export const getAccount = defineRoute({
  method: "get",
  path: "/auth/me",
  tag: "Sign-in",
  summary: "Who has signed in, with roles",
  permission: "account.own",
  answer: personSchema,
  refusals: ["UNKNOWN_PERSON"],
  async handle(services, { caller: { person } }) {
    const row = person === null ? undefined : await readPerson(services.db, person.personId)
    if (row === undefined) return refuse("UNKNOWN_PERSON", null, "sign in again")
    return { data: presentPerson(row) }
  },
})

import { z } from "@hono/zod-openapi"
import { findPasswordFault } from "../identity/passwords.ts"
import { changePassword as storePassword } from "../identity/person-store.ts"
import { refuseEarly, signInUnavailable } from "../identity/sign-in.ts"
import { attemptOf, forgetAttempt } from "../identity/sign-in-attempts.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { newPasswordSchema } from "../validation/identity-schemas.ts"

const wrong = refuse("INVALID_CREDENTIALS", "current_password", "this is not your password")

export const changePassword = defineRoute({
  method: "post",
  path: "/auth/password",
  tag: "Sign-in",
  summary: "Change one's password; every other session ends",
  permission: "account.own",
  body: z.strictObject({
    current_password: z
      .string()
      .min(1, "send your password")
      .max(256, "a password has at most 256 characters"),
    new_password: newPasswordSchema,
  }),
  answer: z.object({ changed: z.literal(true) }),
  refusals: ["INVALID_CREDENTIALS", "RATE_LIMITED", "OVERLOADED", "SIGN_IN_UNAVAILABLE"],
  async handle(services, { body, caller: { person } }) {
    const { identity, db } = services
    if (identity === null || person === null) return signInUnavailable
    const row = await db
      .selectFrom("registry.people")
      .select(["email", "password_hash"])
      .where("person_id", "=", person.personId)
      .executeTakeFirst()
    if (row === undefined) return wrong
    // Guessed here or at the door, it is the same guess.
    const attempt = attemptOf(identity.secret, row.email, person.initiator.address)
    const blocked = await refuseEarly(services, attempt)
    if (blocked !== undefined) return blocked
    const { isRight } = await identity.passwords.verify(row.password_hash, body.current_password)
    if (!isRight || row.password_hash === null) return wrong
    await forgetAttempt(db, attempt)
    if (body.new_password === body.current_password)
      return refuse("INVALID_FIELD", "new_password", "choose another password than the one you have")
    const fault = findPasswordFault(body.new_password, row.email)
    if (fault !== null) return refuse("INVALID_FIELD", "new_password", fault)
    const hashes = { from: row.password_hash, to: await identity.passwords.hash(body.new_password) }
    const isChanged = await db
      .transaction()
      .execute((trx) => storePassword(trx, person, hashes, person.initiator))
    if (!isChanged) return wrong
    services.people.clear()
    return { data: { changed: true } }
  },
})

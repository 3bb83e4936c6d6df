import { sql } from "kysely"
import { recordAction } from "../../ledger/store/record-action.ts"
import { type Refusal, refuse } from "../refusal.ts"
import type { Services } from "../services.ts"
import { findPasswordFault } from "./passwords.ts"
import { beginSession, type SessionTokens } from "./sessions.ts"
import { type Attempt, attemptOf, countAttempt, forgetAttempt } from "./sign-in-attempts.ts"

/** Nobody can sign in without a secret to sign tokens with. */
export const signInUnavailable = refuse(
  "SIGN_IN_UNAVAILABLE",
  null,
  "people cannot sign in here: set AUTH_TOKEN_SECRET for the API, such as openssl rand -hex 32 makes",
)

const wrong = refuse(
  "INVALID_CREDENTIALS",
  null,
  "e-mail address and password do not belong together; an admin can give you a new password",
)

export type Credentials = {
  /** Lower case. */
  readonly email: string
  readonly password: string
  /** In the place of one that somebody else has seen. */
  readonly newPassword: string | undefined
}

type Person = {
  readonly person_id: string
  readonly email: string
  readonly password_hash: string | null
  readonly password_expires_at: Date | null
  readonly disabled_at: Date | null
}

/** Whatever is wrong, the answer and the work for it are the same: neither tells whether there is such an account. */
export async function signIn(
  services: Services,
  credentials: Credentials,
  from: { readonly requestId: string; readonly address: string | null },
): Promise<SessionTokens | Refusal> {
  const { identity } = services
  if (identity === null) return signInUnavailable
  const attempt = attemptOf(identity.secret, credentials.email, from.address)
  const blocked = await refuseEarly(services, attempt)
  if (blocked !== undefined) return blocked
  const once = (counted: Attempt | null) => trySignIn(services, identity, { ...credentials, counted }, from)
  // Somebody else signed in with the same password at this moment, and it has another hash now.
  return (await once(attempt)) ?? (await once(null)) ?? wrong
}

/** @param counted what is forgotten where the password is right @returns undefined where the person was changed meanwhile */
async function trySignIn(
  services: Services,
  identity: NonNullable<Services["identity"]>,
  { email, password, newPassword, counted }: Credentials & { readonly counted: Attempt | null },
  from: { readonly requestId: string; readonly address: string | null },
): Promise<SessionTokens | Refusal | undefined> {
  const { db } = services
  const { rows } = await sql<Person>`
    SELECT person_id, email, password_hash, password_expires_at, disabled_at FROM registry.people WHERE email = ${email}`.execute(
    db,
  )
  const [person] = rows
  const { isRight, isOutdated } = await identity.passwords.verify(person?.password_hash ?? null, password)
  if (person === undefined || !isRight || person.disabled_at !== null) return wrong
  if (counted !== null) await forgetAttempt(db, counted)
  const isInitial = person.password_expires_at !== null
  const exchange = isInitial ? checkExchange(person, newPassword, password) : undefined
  if (exchange !== undefined) return exchange
  if (!isInitial && newPassword !== undefined)
    return refuse("INVALID_FIELD", "new_password", "change your password by POST /auth/password")
  const renewed =
    newPassword !== undefined
      ? await identity.passwords.hash(newPassword)
      : isOutdated
        ? await identity.passwords.hash(password)
        : null
  const initiator = { ...from, actor: `person:${person.person_id}` }
  return db.transaction().execute(async (trx) => {
    const now = new Date()
    // Between the look and this, somebody may have disabled the person or given another password.
    const { numAffectedRows } = await sql`
      UPDATE registry.people SET
        password_hash = coalesce(${renewed}, password_hash),
        password_changed_at = CASE WHEN ${isInitial} THEN ${now} ELSE password_changed_at END,
        password_expires_at = NULL
      WHERE person_id = ${person.person_id} AND password_hash = ${person.password_hash} AND disabled_at IS NULL`.execute(
      trx,
    )
    if (numAffectedRows !== 1n) return undefined
    if (isInitial)
      await recordAction(trx, {
        ...initiator,
        ...{ ledgerId: null, action: "person.password_changed", subject: initiator.actor },
      })
    return beginSession(trx, identity.tokens, person.person_id, initiator, now)
  })
}

/** @returns why nothing is looked at yet */
export async function refuseEarly(services: Services, attempt: Attempt): Promise<Refusal | undefined> {
  const until = await countAttempt(services.db, attempt)
  if (until === null) return undefined
  const seconds = Math.max(1, Math.ceil((until.getTime() - Date.now()) / 1_000))
  return refuse("RATE_LIMITED", null, `too many attempts have failed; try again in ${seconds} seconds`, {
    "retry-after": String(seconds),
  })
}

/** Somebody else has seen an initial password: it is good for its own exchange only. */
function checkExchange(
  person: Person,
  newPassword: string | undefined,
  password: string,
): Refusal | undefined {
  if (person.password_expires_at !== null && person.password_expires_at <= new Date())
    return refuse("FORBIDDEN", null, "the time of this password is over; an admin can give you a new one")
  if (newPassword === undefined)
    return refuse("PASSWORD_CHANGE_REQUIRED", "new_password", "send the password that you want to have, too")
  if (newPassword === password)
    return refuse("INVALID_FIELD", "new_password", "choose another password than the one you were given")
  const fault = findPasswordFault(newPassword, person.email)
  return fault === null ? undefined : refuse("INVALID_FIELD", "new_password", fault)
}

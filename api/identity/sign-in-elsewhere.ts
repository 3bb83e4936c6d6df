import { type Kysely, sql, type Transaction } from "kysely"
import type { Initiator } from "../../ledger/domain/operator-action.ts"
import type { Database } from "../../ledger/store/database.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import type { AccessTokens } from "./access-tokens.ts"
import type { ProvenIdentity } from "./oidc.ts"
import { beginSession, type SessionTokens } from "./sessions.ts"

/**
 * Lets in whom an identity provider vouches for: who has signed in from there before, by issuer and subject; otherwise, once, whose verified e-mail address an admin has invited so.
 * An address alone lets nobody in: at the provider it may have another owner by now.
 * @returns undefined for whom nobody has invited, and who is disabled
 */
export function signInElsewhere(
  db: Kysely<Database>,
  tokens: AccessTokens,
  proven: ProvenIdentity,
  from: Pick<Initiator, "requestId" | "address">,
): Promise<SessionTokens | undefined> {
  return db.transaction().execute(async (trx) => {
    const personId = (await findLinked(trx, proven)) ?? (await linkInvited(trx, proven, from))
    if (personId === undefined) return undefined
    return beginSession(trx, tokens, personId, { ...from, actor: `person:${personId}` }, new Date())
  })
}

async function findLinked(
  trx: Transaction<Database>,
  { issuer, subject }: ProvenIdentity,
): Promise<string | undefined> {
  const { rows } = await sql<{ person_id: string }>`
    SELECT p.person_id FROM registry.person_identities i JOIN registry.people p ON p.person_id = i.person_id
    WHERE i.issuer = ${issuer} AND i.subject = ${subject} AND p.disabled_at IS NULL FOR SHARE OF p`.execute(
    trx,
  )
  const [person] = rows
  if (person === undefined) return undefined
  // An invitation that was waited for may have taken the link away: the person's row says nothing of it.
  const { rows: linked } = await sql`
    SELECT FROM registry.person_identities WHERE issuer = ${issuer} AND subject = ${subject} AND person_id = ${person.person_id}`.execute(
    trx,
  )
  return linked.length === 1 ? person.person_id : undefined
}

async function linkInvited(
  trx: Transaction<Database>,
  { issuer, subject, email }: ProvenIdentity,
  from: Pick<Initiator, "requestId" | "address">,
): Promise<string | undefined> {
  if (email === null) return undefined
  const { rows } = await sql<{ person_id: string }>`
    UPDATE registry.people SET linkable_until = NULL
    WHERE email = ${email} AND linkable_until > now() AND disabled_at IS NULL
      AND NOT EXISTS (SELECT FROM registry.person_identities WHERE issuer = ${issuer} AND subject = ${subject})
    RETURNING person_id`.execute(trx)
  const [person] = rows
  if (person === undefined) return undefined
  const { person_id: personId } = person
  await trx
    .insertInto("registry.person_identities")
    .values({ issuer, subject, person_id: personId })
    .execute()
  await recordAction(trx, {
    ...from,
    ...{ actor: `person:${personId}`, ledgerId: null, action: "person.identity_linked" },
    subject: `person:${personId}`,
    after: { issuer, subject },
  })
  return personId
}

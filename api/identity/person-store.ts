import { randomUUID } from "node:crypto"
import { type Kysely, sql, type Transaction } from "kysely"
import type { Initiator } from "../../ledger/domain/operator-action.ts"
import { registryChangedChannel } from "../../ledger/store/channels.ts"
import type { Database } from "../../ledger/store/database.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import type { Role } from "../permissions.ts"
import { endSessions } from "./sessions.ts"

/** Of a password that somebody else has seen. */
const initialPasswordMs = 72 * 3_600_000
/** For an invited person to sign in at the identity provider for the first time. */
const linkableMs = 7 * 86_400_000

/** Changes of who is an admin wait for each other, so that the last one cannot go twice. */
const ADMINS_LOCK = 4_206_900_021

export type Grant = { readonly role: Role; readonly appId: string | null }

export type PersonRow = {
  readonly person_id: string
  readonly email: string
  readonly name: string
  readonly has_password: boolean
  readonly password_expires_at: Date | null
  readonly linkable_until: Date | null
  readonly disabled_at: Date | null
  readonly created_by: string
  readonly created_at: Date
  readonly ordinal: bigint
  readonly grants: readonly { readonly role: Role; readonly app_id: string | null }[]
  readonly issuers: readonly string[]
}

export type PersonRefusal = {
  readonly refused: "UNKNOWN_PERSON" | "PERSON_EXISTS" | "UNKNOWN_APP" | "LAST_ADMIN"
}

/** How an invited person proves who it is: `hash` of an initial password, or the e-mail address at the identity provider. */
export type Invitation = { readonly by: "password"; readonly hash: string } | { readonly by: "oidc" }

type Handle = Kysely<Database> | Transaction<Database>

const selectPeople = sql.raw(`
  SELECT p.person_id, p.email, p.name, p.password_hash IS NOT NULL AS has_password, p.password_expires_at, p.linkable_until,
    p.disabled_at, p.created_by, p.created_at, p.ordinal,
    coalesce((SELECT json_agg(json_build_object('role', r.role, 'app_id', r.app_id) ORDER BY r.app_id NULLS FIRST, r.role)
      FROM registry.person_roles r WHERE r.person_id = p.person_id), '[]') AS grants,
    ARRAY(SELECT i.issuer FROM registry.person_identities i WHERE i.person_id = p.person_id ORDER BY i.issuer) AS issuers
  FROM registry.people p`)

export async function readPerson(db: Handle, personId: string): Promise<PersonRow | undefined> {
  const { rows } = await sql<PersonRow>`${selectPeople} WHERE p.person_id = ${personId}`.execute(db)
  return rows[0]
}

export async function listPeople(
  db: Handle,
  before: bigint | null,
  limit: number,
): Promise<readonly PersonRow[]> {
  const { rows } = await sql<PersonRow>`
    ${selectPeople} WHERE ${before}::bigint IS NULL OR p.ordinal < ${before}::bigint
    ORDER BY p.ordinal DESC LIMIT ${limit}`.execute(db)
  return rows
}

export function createPerson(
  db: Kysely<Database>,
  person: {
    readonly email: string
    readonly name: string
    readonly grants: readonly Grant[]
    /** null: a password of his own, which nobody else has seen, under `passwordHash`. */
    readonly invitation: Invitation | null
    readonly passwordHash: string | null
  },
  initiator: Initiator,
): Promise<PersonRow | PersonRefusal> {
  const personId = randomUUID()
  return refuseByConstraint(() =>
    db.transaction().execute(async (trx) => {
      await trx
        .insertInto("registry.people")
        .values({
          ...{ person_id: personId, email: person.email, name: person.name, created_by: initiator.actor },
          ...{ password_hash: person.passwordHash, password_changed_at: null, password_expires_at: null },
          ...{ linkable_until: null, disabled_at: null },
        })
        .execute()
      await grant(trx, personId, person.grants)
      if (person.invitation !== null) await openInvitation(trx, personId, person.invitation)
      return record(trx, personId, "person.created", null, initiator)
    }),
  )
}

/** Replaces what a person is. */
export function setGrants(
  db: Kysely<Database>,
  personId: string,
  grants: readonly Grant[],
  initiator: Initiator,
): Promise<PersonRow | PersonRefusal> {
  return change(db, personId, "person.roles_changed", initiator, async (trx) => {
    await sql`DELETE FROM registry.person_roles WHERE person_id = ${personId}`.execute(trx)
    await grant(trx, personId, grants)
  })
}

/** A disabled person cannot sign in, and its sessions end at once. */
export function disablePerson(
  db: Kysely<Database>,
  personId: string,
  initiator: Initiator,
): Promise<PersonRow | PersonRefusal> {
  return change(db, personId, "person.disabled", initiator, async (trx) => {
    await sql`UPDATE registry.people SET disabled_at = coalesce(disabled_at, clock_timestamp()) WHERE person_id = ${personId}`.execute(
      trx,
    )
    await endSessions(trx, { personId }, "disabled", initiator)
  })
}

export function enablePerson(
  db: Kysely<Database>,
  personId: string,
  initiator: Initiator,
): Promise<PersonRow | PersonRefusal> {
  return change(db, personId, "person.enabled", initiator, async (trx) => {
    await sql`UPDATE registry.people SET disabled_at = NULL WHERE person_id = ${personId}`.execute(trx)
  })
}

/** A person that cannot get in any more starts anew; its sessions end. */
export function invitePerson(
  db: Kysely<Database>,
  personId: string,
  invitation: Invitation,
  initiator: Initiator,
): Promise<PersonRow | PersonRefusal> {
  return change(db, personId, "person.password_reset", initiator, async (trx) => {
    await openInvitation(trx, personId, invitation)
    await endSessions(trx, { personId }, "password", initiator)
  })
}

/** A new password of one's own. Every other session ends: whoever knew the old one is out. */
export async function changePassword(
  trx: Transaction<Database>,
  person: { readonly personId: string; readonly sessionId: string },
  passwords: { readonly from: string; readonly to: string },
  initiator: Initiator,
): Promise<boolean> {
  const { personId, sessionId } = person
  const { numAffectedRows } = await sql`
    UPDATE registry.people SET password_hash = ${passwords.to}, password_changed_at = clock_timestamp(), password_expires_at = NULL
    WHERE person_id = ${personId} AND password_hash = ${passwords.from}`.execute(trx)
  if (numAffectedRows !== 1n) return false
  const subject = `person:${personId}`
  await recordAction(trx, { ...initiator, ledgerId: null, action: "person.password_changed", subject })
  await endSessions(trx, { personId, except: sessionId }, "password", initiator)
  return true
}

async function openInvitation(
  trx: Transaction<Database>,
  personId: string,
  invitation: Invitation,
): Promise<void> {
  const now = Date.now()
  const isByPassword = invitation.by === "password"
  await trx
    .updateTable("registry.people")
    .set({
      password_hash: isByPassword ? invitation.hash : null,
      password_expires_at: isByPassword ? new Date(now + initialPasswordMs) : null,
      linkable_until: isByPassword ? null : new Date(now + linkableMs),
    })
    .where("person_id", "=", personId)
    .execute()
  // He may have another account there by now: the one before is no longer his. And a link that stood would leave the invitation open behind him.
  if (!isByPassword)
    await sql`DELETE FROM registry.person_identities WHERE person_id = ${personId}`.execute(trx)
}

async function grant(trx: Transaction<Database>, personId: string, grants: readonly Grant[]): Promise<void> {
  await sql`
    INSERT INTO registry.person_roles (person_id, app_id, role)
    SELECT DISTINCT ${personId}::uuid, g.app_id, g.role
    FROM unnest(${grants.map(({ appId }) => appId)}::uuid[], ${grants.map(({ role }) => role)}::text[]) AS g(app_id, role)`.execute(
    trx,
  )
}

type PersonAction =
  | "person.created"
  | "person.roles_changed"
  | "person.disabled"
  | "person.enabled"
  | "person.password_reset"

function change(
  db: Kysely<Database>,
  personId: string,
  action: PersonAction,
  initiator: Initiator,
  work: (trx: Transaction<Database>) => Promise<void>,
): Promise<PersonRow | PersonRefusal> {
  return refuseByConstraint(() =>
    db.transaction().execute(async (trx) => {
      await sql`SELECT pg_advisory_xact_lock(${ADMINS_LOCK})`.execute(trx)
      const before = await readPerson(trx, personId)
      if (before === undefined) return { refused: "UNKNOWN_PERSON" as const }
      const hadAdmin = await hasAdmin(trx)
      await work(trx)
      // Thrown, so that nothing of it stays.
      if (hadAdmin && !(await hasAdmin(trx))) throw new LastAdmin()
      await sql`SELECT pg_notify(${registryChangedChannel}, '')`.execute(trx)
      return record(trx, personId, action, before, initiator)
    }),
  )
}

class LastAdmin extends Error {}

/** Whether somebody is there who can let others in: who can come in himself, or could with the invitation that he has. */
async function hasAdmin(trx: Transaction<Database>): Promise<boolean> {
  const { rows } = await sql`
    SELECT 1 FROM registry.person_roles r JOIN registry.people p ON p.person_id = r.person_id
    WHERE r.role = 'admin' AND r.app_id IS NULL AND p.disabled_at IS NULL
      AND (p.password_hash IS NOT NULL AND coalesce(p.password_expires_at, 'infinity') > now() OR p.linkable_until > now()
        OR EXISTS (SELECT FROM registry.person_identities i WHERE i.person_id = p.person_id))
    LIMIT 1`.execute(trx)
  return rows.length > 0
}

async function record(
  trx: Transaction<Database>,
  personId: string,
  action: PersonAction,
  before: PersonRow | null,
  initiator: Initiator,
): Promise<PersonRow> {
  const after = await readPerson(trx, personId)
  if (after === undefined) throw new TypeError("a person was not stored")
  await recordAction(trx, {
    ...initiator,
    ...{ ledgerId: null, action, subject: `person:${personId}` },
    before: before === null ? null : describe(before),
    after: describe(after),
  })
  return after
}

function describe(row: PersonRow): Record<string, unknown> {
  const { email, name, grants, has_password, password_expires_at, linkable_until, disabled_at } = row
  return { email, name, grants, has_password, password_expires_at, linkable_until, disabled_at }
}

async function refuseByConstraint<Result>(work: () => Promise<Result>): Promise<Result | PersonRefusal> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof LastAdmin) return { refused: "LAST_ADMIN" }
    const { constraint } = error as { constraint?: unknown }
    if (constraint === "people_email_key") return { refused: "PERSON_EXISTS" }
    if (constraint === "person_roles_app_id_fkey") return { refused: "UNKNOWN_APP" }
    throw error
  }
}

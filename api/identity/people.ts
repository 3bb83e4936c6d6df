import { hash } from "node:crypto"
import { type Kysely, sql } from "kysely"
import { LRUCache } from "lru-cache"
import type { Database } from "../../ledger/store/database.ts"
import { hmacSha256 } from "../../platform/hmac-sha256.ts"
import { permissionsOfPerson, type Role } from "../permissions.ts"
import { isRefusal, type Refusal, refuse } from "../refusal.ts"
import type { Account, Caller } from "../registry/api-keys.ts"
import type { AccessTokens, TokenSubject } from "./access-tokens.ts"

export type People = {
  /**
   * @param app what X-App-Id says
   * @param isWithoutApp whether the route speaks to the person, whichever the apps are
   * @returns who it is; undefined for a token that is none, or whose session or person has ended
   */
  find(
    token: string,
    app: string | undefined,
    isWithoutApp: boolean,
  ): Promise<Account | Caller | Refusal | undefined>
  /** Forgets what is cached. */
  clear(): void
}

type Known = { readonly who: Account | Caller | Refusal; readonly expiresAt: Date }

const noSuchRole = refuse(
  "FORBIDDEN",
  "x-app-id",
  "you have no role in this app; GET /admin/apps lists yours",
)

/** People by their access tokens. Whatever the database says of one is believed for `maxAgeMs`, which bounds how long somebody who was signed out or disabled goes on. */
export function createPeople(options: {
  readonly db: Kysely<Database>
  /** null: nobody can sign in here. */
  readonly tokens: AccessTokens | null
  readonly maxAgeMs: number
  readonly cachedMax: number
}): People {
  const { db, tokens } = options
  const cache = new LRUCache<string, Promise<Known | undefined>>({
    max: options.cachedMax,
    ttl: options.maxAgeMs,
  })

  async function read(
    token: string,
    app: string | undefined,
    isWithoutApp: boolean,
  ): Promise<Known | undefined> {
    const subject = await tokens?.verify(token)
    if (subject === undefined) return undefined
    const grants = await readGrants(db, subject)
    if (grants === undefined) return undefined
    const who = isWithoutApp ? accountOf(subject, grants) : await callerOf(db, subject, grants, app)
    return { who, expiresAt: subject.expiresAt }
  }

  return {
    async find(token, app, isWithoutApp) {
      if (tokens === null) return undefined
      const key = `${hash("sha256", token, "base64")}${isWithoutApp ? "" : `\n${app ?? ""}`}`
      let found = cache.get(key)
      if (found === undefined) {
        found = read(token, app, isWithoutApp)
        cache.set(key, found)
        found.catch(() => cache.delete(key))
      }
      const known = await found
      return known === undefined || known.expiresAt.getTime() <= Date.now() ? undefined : known.who
    },
    clear: () => cache.clear(),
  }
}

type Grants = readonly { readonly app_id: string | null; readonly role: Role }[]

async function readGrants(db: Kysely<Database>, subject: TokenSubject): Promise<Grants | undefined> {
  const { rows } = await sql<{ app_id: string | null; role: Role | null }>`
    SELECT r.app_id, r.role FROM registry.sessions s
    JOIN registry.people p ON p.person_id = s.person_id
    LEFT JOIN registry.person_roles r ON r.person_id = p.person_id
    WHERE s.session_id = ${subject.sessionId} AND s.person_id = ${subject.personId}
      AND s.ended_at IS NULL AND s.expires_at > now() AND p.disabled_at IS NULL`.execute(db)
  if (rows.length === 0) return undefined
  return rows.flatMap(({ app_id, role }) => (role === null ? [] : [{ app_id, role }]))
}

function accountOf(subject: TokenSubject, grants: Grants): Account {
  const inAll = rolesOf(grants, (appId) => appId === null)
  const actor = `person:${subject.personId}`
  const anywhere = rolesOf(grants, () => true)
  return {
    kind: "person",
    actor,
    permissions: permissionsOfPerson(anywhere, inAll),
    appIds: inAll.size > 0 ? null : [...new Set(grants.flatMap(({ app_id }) => app_id ?? []))],
    person: { ...subject, initiator: { actor, requestId: null, address: null } },
  }
}

async function callerOf(
  db: Kysely<Database>,
  subject: TokenSubject,
  grants: Grants,
  wanted: string | undefined,
): Promise<Caller | Refusal> {
  const account = accountOf(subject, grants)
  const app = await findApp(db, account.appIds, wanted)
  if (isRefusal(app)) return app
  const inAll = rolesOf(grants, (appId) => appId === null)
  const inApp = rolesOf(grants, (appId) => appId === app.app_id)
  return {
    ...account,
    permissions: permissionsOfPerson(inApp, inAll),
    appId: app.app_id,
    ledgerId: app.ledger_id,
    identifierSalt: `0x${app.identifier_salt.toString("hex")}`,
    requestKey: hmacSha256(app.identifier_salt),
  }
}

type App = { readonly app_id: string; readonly ledger_id: string; readonly identifier_salt: Buffer }

/** The app that is named, or the only one there is for this person. */
async function findApp(
  db: Kysely<Database>,
  appIds: readonly string[] | null,
  wanted: string | undefined,
): Promise<App | Refusal> {
  const { rows } = await sql<App>`
    SELECT a.app_id, a.ledger_id, l.identifier_salt
    FROM registry.apps a JOIN registry.ledgers l ON l.ledger_id = a.ledger_id
    WHERE (${appIds}::uuid[] IS NULL OR a.app_id = ANY(${appIds}::uuid[]))
      AND (${wanted ?? null}::uuid IS NULL OR a.app_id = ${wanted ?? null}::uuid)
    LIMIT 2`.execute(db)
  const [app, other] = rows
  if (app === undefined) return noSuchRole
  if (other === undefined) return app
  return refuse(
    "APP_REQUIRED",
    "x-app-id",
    "you have a role in several apps; name one as X-App-Id, by an app_id of GET /admin/apps",
  )
}

function rolesOf(grants: Grants, isMeant: (appId: string | null) => boolean): ReadonlySet<Role> {
  return new Set(grants.flatMap(({ app_id, role }) => (isMeant(app_id) ? [role] : [])))
}

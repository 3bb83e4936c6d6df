import { createHash, randomBytes, randomUUID } from "node:crypto"
import { type Kysely, sql, type Transaction } from "kysely"
import type { ActionName, Initiator } from "../../ledger/domain/operator-action.ts"
import { registryChangedChannel } from "../../ledger/store/channels.ts"
import type { Database } from "../../ledger/store/database.ts"
import type { SessionEnd } from "../../ledger/store/identity-tables.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import type { AccessTokens } from "./access-tokens.ts"

/** Without a sign that somebody is there. */
const idleMs = 7 * 86_400_000
/** Whatever happens. */
const lifetimeMs = 30 * 86_400_000

export type SessionTokens = {
  readonly sessionId: string
  readonly personId: string
  readonly accessToken: string
  readonly accessExpiresAt: Date
  /** Shown once: only its hash is stored. Good for one exchange. */
  readonly refreshToken: string
  readonly refreshExpiresAt: Date
}

/** Somebody has proven who he is. */
export async function beginSession(
  trx: Transaction<Database>,
  tokens: AccessTokens,
  personId: string,
  initiator: Initiator,
  now: Date,
): Promise<SessionTokens> {
  const sessionId = randomUUID()
  const expiresAt = new Date(now.getTime() + lifetimeMs)
  await trx
    .insertInto("registry.sessions")
    .values({
      ...{ session_id: sessionId, person_id: personId, began_at: now, expires_at: expiresAt },
      ...{ address: initiator.address, ended_at: null, ended_by: null },
    })
    .execute()
  await sql`DELETE FROM registry.sessions WHERE expires_at < now() - interval '30 days'`.execute(trx)
  await recordAction(trx, {
    ...initiator,
    ...{ ledgerId: null, action: "session.began", subject: `session:${sessionId}` },
  })
  return issueTokens(trx, tokens, { personId, sessionId, expiresAt }, now)
}

/**
 * Exchanges a refresh token for a new one and an access token. One that was exchanged before ends its session: either he who holds it now has stolen it, or he who came first.
 * @returns undefined where it is unknown, spent, or its time or session is over
 */
export function refreshSession(
  db: Kysely<Database>,
  tokens: AccessTokens,
  refreshToken: string,
  from: Pick<Initiator, "requestId" | "address">,
  now: Date,
): Promise<SessionTokens | undefined> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<{
      session_id: string
      person_id: string
      session_expires_at: Date
      token_expires_at: Date
      spent_at: Date | null
    }>`
      SELECT s.session_id, s.person_id, s.expires_at AS session_expires_at, t.expires_at AS token_expires_at, t.spent_at
      FROM registry.refresh_tokens t JOIN registry.sessions s ON s.session_id = t.session_id
      JOIN registry.people p ON p.person_id = s.person_id
      WHERE t.token_hash = ${hashOf(refreshToken)} AND s.ended_at IS NULL AND p.disabled_at IS NULL
      FOR UPDATE OF t, s`.execute(trx)
    const [row] = rows
    if (row === undefined || row.session_expires_at <= now) return undefined
    const { session_id: sessionId, person_id: personId } = row
    if (row.spent_at !== null) {
      const initiator = { ...from, actor: `person:${personId}` }
      await endSessions(trx, { sessionId }, "reuse", initiator)
      return undefined
    }
    if (row.token_expires_at <= now) return undefined
    await sql`UPDATE registry.refresh_tokens SET spent_at = ${now} WHERE token_hash = ${hashOf(refreshToken)}`.execute(
      trx,
    )
    return issueTokens(trx, tokens, { personId, sessionId, expiresAt: row.session_expires_at }, now)
  })
}

const actionOf: Record<SessionEnd, ActionName> = {
  sign_out: "session.ended",
  sign_out_everywhere: "session.all_ended",
  reuse: "session.reuse_found",
  password: "session.all_ended",
  disabled: "session.all_ended",
}

/** Ends one session, or all of a person but one. Its access tokens are good for nothing from then on, in every process. */
export async function endSessions(
  trx: Transaction<Database>,
  which: { readonly sessionId: string } | { readonly personId: string; readonly except?: string },
  by: SessionEnd,
  initiator: Initiator,
): Promise<number> {
  const one = "sessionId" in which ? which.sessionId : null
  const person = "personId" in which ? which.personId : null
  const except = "personId" in which ? (which.except ?? null) : null
  const { rows } = await sql<{ session_id: string }>`
    UPDATE registry.sessions SET ended_at = clock_timestamp(), ended_by = ${by}
    WHERE ended_at IS NULL AND (session_id = ${one}::uuid OR person_id = ${person}::uuid)
      AND session_id IS DISTINCT FROM ${except}::uuid
    RETURNING session_id`.execute(trx)
  if (rows.length === 0) return 0
  await recordAction(trx, {
    ...initiator,
    ledgerId: null,
    action: actionOf[by],
    subject: one === null ? `person:${person}` : `session:${one}`,
    after: { ended: rows.length, by },
  })
  await sql`SELECT pg_notify(${registryChangedChannel}, '')`.execute(trx)
  return rows.length
}

async function issueTokens(
  trx: Transaction<Database>,
  tokens: AccessTokens,
  session: { readonly personId: string; readonly sessionId: string; readonly expiresAt: Date },
  now: Date,
): Promise<SessionTokens> {
  const { personId, sessionId, expiresAt } = session
  const refreshToken = `cbr_${randomBytes(32).toString("base64url")}`
  const refreshExpiresAt = new Date(Math.min(now.getTime() + idleMs, expiresAt.getTime()))
  await trx
    .insertInto("registry.refresh_tokens")
    .values({
      ...{ token_hash: hashOf(refreshToken), session_id: sessionId, issued_at: now },
      ...{ expires_at: refreshExpiresAt, spent_at: null },
    })
    .execute()
  const access = await tokens.issue({ personId, sessionId }, now)
  return {
    ...{ sessionId, personId, refreshToken, refreshExpiresAt },
    ...{ accessToken: access.token, accessExpiresAt: access.expiresAt },
  }
}

/** 256 random bits need no slow hash. */
function hashOf(refreshToken: string): Buffer {
  return createHash("sha256").update(refreshToken).digest()
}

import { createHash } from "node:crypto"
import { errors, jwtVerify, SignJWT } from "jose"
import { hasPlainHeader } from "./plain-header.ts"

export const accessTokenLifetimeMs = 15 * 60_000

/** What an access token says: somebody, in a session. What he may do is looked up. */
export type TokenSubject = { readonly personId: string; readonly sessionId: string }

export type AccessTokens = {
  issue(subject: TokenSubject, now: Date): Promise<{ readonly token: string; readonly expiresAt: Date }>
  /** @returns undefined for what is none of ours, was changed, or whose time is over */
  verify(token: string): Promise<(TokenSubject & { readonly expiresAt: Date }) | undefined>
}

const issuer = "chainbridge"
const audience = "chainbridge-api"
const type = "at+jwt"
/** Clocks of two replicas. */
const toleranceSeconds = 5

/**
 * JSON Web Tokens of 15 minutes, signed with HMAC-SHA256.
 * @param secrets the first signs, each of them is believed: a new one is put before the old one, which goes when its last token has ended
 */
export function createAccessTokens(secrets: readonly [Buffer, ...Buffer[]]): AccessTokens {
  const known = new Map(secrets.map((secret) => [keyIdOf(secret), secret]))
  const [signing] = secrets
  return {
    async issue({ personId, sessionId }, now) {
      const issuedAt = Math.floor(now.getTime() / 1_000)
      const expiresAt = issuedAt + accessTokenLifetimeMs / 1_000
      const token = await new SignJWT({ sid: sessionId })
        .setProtectedHeader({ alg: "HS256", typ: type, kid: keyIdOf(signing) })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(personId)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(signing)
      return { token, expiresAt: new Date(expiresAt * 1_000) }
    },
    async verify(token) {
      if (!hasPlainHeader(token)) return undefined
      try {
        const { payload } = await jwtVerify(token, ({ kid }) => findKey(known, kid), {
          algorithms: ["HS256"],
          issuer,
          audience,
          typ: type,
          requiredClaims: ["sub", "sid", "exp", "iat"],
          clockTolerance: toleranceSeconds,
        })
        const { sub, sid, exp } = payload
        if (typeof sub !== "string" || typeof sid !== "string" || typeof exp !== "number") return undefined
        return { personId: sub, sessionId: sid, expiresAt: new Date(exp * 1_000) }
      } catch (error) {
        if (error instanceof errors.JOSEError) return undefined
        throw error
      }
    },
  }
}

function findKey(known: ReadonlyMap<string, Buffer>, kid: string | undefined): Buffer {
  const secret = known.get(kid ?? "")
  if (secret === undefined) throw new errors.JWKSNoMatchingKey()
  return secret
}

/** Says which secret it was and nothing about it. */
function keyIdOf(secret: Buffer): string {
  return createHash("sha256").update("chainbridge token key\n").update(secret).digest("hex").slice(0, 16)
}

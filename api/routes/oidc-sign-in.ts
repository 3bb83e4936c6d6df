import { z } from "@hono/zod-openapi"
import { noProvider } from "../identity/invite.ts"
import { ticketLifetimeSeconds } from "../identity/oidc.ts"
import { signInElsewhere } from "../identity/sign-in-elsewhere.ts"
import { clientAddress } from "../middleware/client-address.ts"
import { commonHeaders } from "../middleware/respond.ts"
import { presentAnswer } from "../presenters/envelope.ts"
import { presentSession, sessionSchema } from "../presenters/session.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"

const cookieName = "chainbridge_sign_in"

export const beginOidcSignIn = defineRoute({
  method: "get",
  path: "/auth/oidc/start",
  tag: "Sign-in",
  summary: "Go to the identity provider, which comes back to the callback",
  permission: "public",
  answer: z.object({}),
  answerStatus: 302,
  answerHeaders: {
    Location: { description: "The identity provider", schema: { type: "string" } },
    "Set-Cookie": {
      description: "Comes back to the callback, and to nothing else",
      schema: { type: "string" },
    },
  },
  refusals: ["SIGN_IN_UNAVAILABLE", "PROVIDER_UNAVAILABLE"],
  async handle({ identity }, { context }) {
    if (identity === null || identity.oidc === null) return noProvider
    const { url, ticket } = await identity.oidc.begin()
    const headers = {
      ...commonHeaders,
      location: url,
      "cache-control": "no-store",
      "x-request-id": context.get("requestId"),
      "set-cookie": cookieOf(identity.oidc.redirectUri, ticket, ticketLifetimeSeconds),
    }
    return new Response(null, { status: 302, headers })
  },
})

export const finishOidcSignIn = defineRoute({
  method: "get",
  path: "/auth/oidc/callback",
  tag: "Sign-in",
  summary: "Where the identity provider sends the browser to, with a code that is good for a session",
  permission: "public",
  // Providers add parameters of their own.
  query: z.looseObject({
    code: z.string().max(4_096).optional(),
    state: z.string().max(1_024).optional(),
    error: z.string().max(1_024).optional().openapi({ description: "Why the provider vouches for nobody" }),
  }),
  answer: sessionSchema,
  refusals: ["SIGN_IN_FAILED", "FORBIDDEN", "SIGN_IN_UNAVAILABLE", "PROVIDER_UNAVAILABLE", "MALFORMED_TEXT"],
  async handle(services, { context }) {
    const { identity, db, logger } = services
    if (identity === null || identity.oidc === null) return noProvider
    const requestId = context.get("requestId")
    const forget = { "set-cookie": cookieOf(identity.oidc.redirectUri, "", 0) }
    const ticket = readCookie(context.req.header("cookie"))
    const { search } = new URL(context.req.url)
    const proven =
      ticket === undefined ? { failed: "there is no cookie" } : await identity.oidc.finish(search, ticket)
    if ("failed" in proven) {
      logger.warn(
        { request_id: requestId, reason: proven.failed },
        "the identity provider vouches for nobody",
      )
      return refuse(
        "SIGN_IN_FAILED",
        null,
        "the identity provider vouches for nobody here; begin again at GET /auth/oidc/start",
        forget,
      )
    }
    const address = clientAddress(context, services.trustedProxies)
    const session = await signInElsewhere(db, identity.tokens, proven, { requestId, address })
    if (session === undefined) {
      logger.warn({ request_id: requestId, issuer: proven.issuer }, "somebody without an invitation came")
      return refuse("FORBIDDEN", null, "nobody has invited you here; ask an admin for an invitation", forget)
    }
    const { status, body } = presentAnswer({ data: presentSession(session) }, requestId)
    const headers = {
      ...commonHeaders,
      ...forget,
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-store",
      "x-request-id": requestId,
    }
    return new Response(body, { status, headers })
  },
})

/** For this address alone, out of reach of scripts; it comes along when the provider sends the browser back. */
function cookieOf(redirectUri: string, value: string, seconds: number): string {
  const { pathname, protocol } = new URL(redirectUri)
  const secure = protocol === "https:" ? "; Secure" : ""
  return `${cookieName}=${value}; Path=${pathname}; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`
}

function readCookie(header: string | undefined): string | undefined {
  const cookies = (header ?? "").split(";").map((part) => part.trim())
  return cookies.find((cookie) => cookie.startsWith(`${cookieName}=`))?.slice(cookieName.length + 1)
}

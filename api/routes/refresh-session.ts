import { z } from "@hono/zod-openapi"
import { refreshSession } from "../identity/sessions.ts"
import { signInUnavailable } from "../identity/sign-in.ts"
import { clientAddress } from "../middleware/client-address.ts"
import { presentSession, sessionSchema } from "../presenters/session.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"

export const refreshSessionRoute = defineRoute({
  method: "post",
  path: "/auth/refresh",
  tag: "Sign-in",
  summary: "Exchange a refresh token for a new one and an access token",
  permission: "public",
  body: z.strictObject({
    refresh_token: z.string().min(1, "send the refresh token").max(100, "send the refresh token unchanged"),
  }),
  answer: sessionSchema,
  refusals: ["UNAUTHENTICATED", "SIGN_IN_UNAVAILABLE", "MALFORMED_TEXT"],
  async handle(services, { body, context }) {
    const { identity, db } = services
    if (identity === null) return signInUnavailable
    const from = {
      requestId: context.get("requestId"),
      address: clientAddress(context, services.trustedProxies),
    }
    const refreshed = await refreshSession(db, identity.tokens, body.refresh_token, from, new Date())
    if (refreshed !== undefined) return { data: presentSession(refreshed) }
    // Where it was spent, the session has ended in this moment.
    services.people.clear()
    return refuse(
      "UNAUTHENTICATED",
      "refresh_token",
      "the refresh token is unknown, was used before, or its session is over; sign in again",
    )
  },
})

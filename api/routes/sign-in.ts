import { z } from "@hono/zod-openapi"
import { signIn } from "../identity/sign-in.ts"
import { clientAddress } from "../middleware/client-address.ts"
import { presentSession, sessionSchema } from "../presenters/session.ts"
import { isRefusal } from "../refusal.ts"
import { defineRoute } from "../route.ts"
import { emailSchema, newPasswordSchema } from "../validation/identity-schemas.ts"

export const signInRoute = defineRoute({
  method: "post",
  path: "/auth/login",
  tag: "Sign-in",
  summary: "Sign in with e-mail address and password",
  permission: "public",
  body: z.strictObject({
    email: emailSchema,
    password: z
      .string()
      .min(1, "send your password")
      .max(256, "a password has at most 256 characters")
      .openapi({ format: "password" }),
    new_password: newPasswordSchema.optional().openapi({
      description: "In the place of an initial password, which is good for its own exchange only",
    }),
  }),
  answer: sessionSchema,
  refusals: [
    "INVALID_CREDENTIALS",
    "PASSWORD_CHANGE_REQUIRED",
    "FORBIDDEN",
    "RATE_LIMITED",
    "OVERLOADED",
    "SIGN_IN_UNAVAILABLE",
    "MALFORMED_TEXT",
  ],
  async handle(services, { body, context }) {
    const { email, password, new_password: newPassword } = body
    const from = {
      requestId: context.get("requestId"),
      address: clientAddress(context, services.trustedProxies),
    }
    const signedIn = await signIn(services, { email, password, newPassword }, from)
    if (!isRefusal(signedIn)) return { data: presentSession(signedIn) }
    services.logger.info({ request_id: from.requestId, refused: signedIn.refused }, "a sign-in was refused")
    return signedIn
  },
})

import { z } from "@hono/zod-openapi"
import { accessTokenLifetimeMs } from "../identity/access-tokens.ts"
import type { SessionTokens } from "../identity/sessions.ts"
import { timeAnswer } from "../validation/schemas.ts"

export const sessionSchema = z.object({
  person_id: z.string(),
  token_type: z.literal("Bearer"),
  access_token: z.string().openapi({ description: "Goes into `Authorization: Bearer …`" }),
  expires_in: z.int().openapi({ description: "Seconds until the access token ends", example: 900 }),
  refresh_token: z
    .string()
    .openapi({ description: "Good for one `POST /auth/refresh`; used twice, it ends the session" }),
  refresh_expires_at: timeAnswer,
})

export function presentSession(tokens: SessionTokens): z.infer<typeof sessionSchema> {
  return {
    person_id: tokens.personId,
    token_type: "Bearer",
    access_token: tokens.accessToken,
    expires_in: accessTokenLifetimeMs / 1_000,
    refresh_token: tokens.refreshToken,
    refresh_expires_at: tokens.refreshExpiresAt.toISOString(),
  }
}

import { type Refusal, refuse } from "../refusal.ts"
import type { Services } from "../services.ts"
import { createInitialPassword } from "./passwords.ts"
import type { Invitation } from "./person-store.ts"

export const noProvider = refuse(
  "SIGN_IN_UNAVAILABLE",
  null,
  "no identity provider is configured: set OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_REDIRECT_URI for the API",
)

/** What a person is let in by for the first time. */
export async function prepareInvitation(
  identity: NonNullable<Services["identity"]>,
  by: Invitation["by"],
): Promise<{ readonly invitation: Invitation; readonly initialPassword: string | null } | Refusal> {
  if (by === "oidc" && identity.oidc === null) return noProvider
  if (by === "oidc") return { invitation: { by }, initialPassword: null }
  const initialPassword = createInitialPassword()
  const hash = await identity.passwords.hash(initialPassword)
  return { invitation: { by, hash }, initialPassword }
}

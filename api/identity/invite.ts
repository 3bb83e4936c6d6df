import type { Services } from "../services.ts"
import { createInitialPassword } from "./passwords.ts"
import type { Invitation } from "./person-store.ts"

/** What a person is let in by for the first time. */
export async function prepareInvitation(
  identity: NonNullable<Services["identity"]>,
  by: Invitation["by"],
): Promise<{ readonly invitation: Invitation; readonly initialPassword: string | null }> {
  if (by === "oidc") return { invitation: { by }, initialPassword: null }
  const initialPassword = createInitialPassword()
  const hash = await identity.passwords.hash(initialPassword)
  return { invitation: { by, hash }, initialPassword }
}

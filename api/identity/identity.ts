import type { IdentityOptions } from "../context.ts"
import { type AccessTokens, createAccessTokens } from "./access-tokens.ts"
import { createOidc, type Oidc } from "./oidc.ts"
import { createPasswords, type Passwords } from "./passwords.ts"

/** What people sign in with. */
export type Identity = {
  /** Nothing but hashes is made with it besides tokens. */
  readonly secret: Buffer
  readonly tokens: AccessTokens
  readonly passwords: Passwords
  /** null: nobody is asked. */
  readonly oidc: Oidc | null
}

export function createIdentity(options: IdentityOptions): Identity | null {
  const [secret, ...earlier] = options.tokenSecrets ?? []
  if (secret === undefined) return null
  return {
    secret,
    tokens: createAccessTokens([secret, ...earlier]),
    passwords: createPasswords(options.passwordCost),
    oidc: options.oidc === undefined ? null : createOidc(options.oidc, secret),
  }
}

import { randomBytes, randomUUID } from "node:crypto"
import type { IdentityOptions } from "../../api/context.ts"
import { createPasswords } from "../../api/identity/passwords.ts"
import { createPerson, type Grant } from "../../api/identity/person-store.ts"
import type { ApiReply, TestApi } from "./test-api.ts"

/** A guess is cheap in tests: many people sign in. */
export const testIdentity = {
  tokenSecrets: [randomBytes(32)],
  passwordCost: { memoryKib: 4_096, passes: 1 },
} as const satisfies IdentityOptions

const passwords = createPasswords(testIdentity.passwordCost)
const seeded = { actor: "command:test", requestId: null, address: null }

export type TestPerson = { readonly personId: string; readonly email: string; readonly password: string }

/** Somebody with a password of his own. */
export async function seedPerson(api: Pick<TestApi, "db">, grants: readonly Grant[]): Promise<TestPerson> {
  const email = `${randomUUID()}@example.com`
  const password = "correct horse battery staple"
  const passwordHash = await passwords.hash(password)
  const person = await createPerson(
    api.db,
    { email, name: "", grants, invitation: null, passwordHash },
    seeded,
  )
  if ("refused" in person) throw new Error(person.refused)
  return { personId: person.person_id, email, password }
}

export type SignedIn = {
  readonly access_token: string
  readonly refresh_token: string
  readonly headers: { readonly authorization: string }
}

export function trySignIn(
  api: TestApi,
  body: object,
  headers: Record<string, string> = {},
): Promise<ApiReply> {
  // No key, as nobody has one who signs in.
  return api.call("POST", "/api/v1/auth/login", body, { authorization: "", ...headers })
}

export async function signIn(
  api: TestApi,
  { email, password }: Pick<TestPerson, "email" | "password">,
): Promise<SignedIn> {
  const { body, status } = await trySignIn(api, { email, password })
  if (status !== 200) throw new Error(`the sign-in failed: ${JSON.stringify(body)}`)
  return { ...body.data, headers: { authorization: `Bearer ${body.data.access_token}` } }
}

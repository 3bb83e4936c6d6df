import type { Context } from "hono"
import { isTransientPostgresError } from "../../platform/postgres.ts"
import type { ApiEnv } from "../api-env.ts"
import { type Refusal, refuse } from "../refusal.ts"
import type { ApiKeys, Caller } from "../registry/api-keys.ts"
import type { Scope } from "../scopes.ts"

const challenge = { "www-authenticate": 'Bearer realm="chainbridge"' }

/**
 * Finds out who calls, by `Authorization: Bearer cb_…` or `X-API-Key`.
 * @param anyOf the key needs one of these scopes
 * @param isOptional whether the route also answers to somebody without a key: then a key that cannot be looked up is none; a wrong one is refused all the same
 * @returns why the caller is not let in; undefined, with the caller in the context, where he is
 */
export async function authenticate(
  context: Context<ApiEnv>,
  keys: ApiKeys,
  anyOf: readonly Scope[],
  isOptional: boolean,
): Promise<Refusal | undefined> {
  const authorization = context.req.header("authorization")
  const headerKey = context.req.header("x-api-key")
  const bearer = authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1]
  if (authorization === undefined && headerKey === undefined) {
    if (isOptional) return undefined
    return refuse(
      "UNAUTHENTICATED",
      null,
      'send your API key as "Authorization: Bearer cb_…" or "X-API-Key"',
      challenge,
    )
  }
  if (bearer !== undefined && headerKey !== undefined && bearer !== headerKey)
    return refuse("UNAUTHENTICATED", null, "two different keys were sent; send one", challenge)
  const key = authorization === undefined ? headerKey : bearer
  let caller: Caller | undefined
  try {
    caller = key === undefined || key.length > 256 ? undefined : await keys.find(key)
  } catch (error) {
    if (isOptional && error instanceof Error && isTransientPostgresError(error)) return undefined
    throw error
  }
  if (caller === undefined)
    return refuse("UNAUTHENTICATED", null, "the API key is unknown, revoked or expired", challenge)
  const { scopes } = caller
  context.set("caller", caller)
  if (anyOf.length > 0 && !anyOf.some((scope) => scopes.has(scope)))
    return refuse("FORBIDDEN", null, `the key lacks the scope ${anyOf.join(" or ")}; use a key that has it`)
  return undefined
}

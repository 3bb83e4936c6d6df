import type { Context } from "hono"
import { isTransientPostgresError } from "../../platform/postgres.ts"
import type { ApiEnv } from "../api-env.ts"
import { isAppId } from "../identity/app-id.ts"
import { initiatorOf } from "../identity/initiator.ts"
import { type Permission, permissionTable } from "../permissions.ts"
import { isRefusal, type Refusal, refuse } from "../refusal.ts"
import type { Account, KnownKey } from "../registry/api-keys.ts"
import type { Services } from "../services.ts"
import { clientAddress } from "./client-address.ts"

const challenge = { "www-authenticate": 'Bearer realm="chainbridge"' }
const unknownKey = refuse(
  "UNAUTHENTICATED",
  null,
  "the API key is unknown, revoked or expired: send the one that took its place, or have an admin make one",
  challenge,
)
const otherScheme = refuse(
  "UNAUTHENTICATED",
  null,
  'send the key or the token as "Authorization: Bearer …": no other scheme is understood',
  challenge,
)
const unknownToken = refuse(
  "UNAUTHENTICATED",
  null,
  "the access token is unknown or its time is over; get a new one by POST /auth/refresh, or sign in again",
  challenge,
)

/**
 * Finds out who calls, by `Authorization: Bearer cb_…` or `X-API-Key` of a key or by the access token of a person, and whether he may.
 * Where a route also answers to somebody unknown, a key that cannot be looked up is none; a wrong one is refused all the same.
 * @returns why the caller is not let in; undefined, with the caller in the context, where he is
 */
export async function authenticate(
  context: Context<ApiEnv>,
  services: Services,
  permission: Permission,
): Promise<Refusal | undefined> {
  const { to } = permissionTable[permission]
  const app = to.endsWith("caller") ? context.req.header("x-app-id") : undefined
  if (app !== undefined && !isAppId(app))
    return refuse("INVALID_PARAMETER", "x-app-id", "use an app_id of GET /admin/apps, or leave it out")
  const authorization = context.req.header("authorization") ?? bearerOfSocket(context)
  const headerKey = context.req.header("x-api-key")
  const bearer = authorization === undefined ? undefined : /^Bearer +(\S+)$/i.exec(authorization)?.[1]
  if (authorization === undefined && headerKey === undefined) {
    if (to === "anybody or caller") return undefined
    return refuse(
      "UNAUTHENTICATED",
      null,
      'send your API key as "Authorization: Bearer cb_…" or "X-API-Key", or the access token of POST /auth/login',
      challenge,
    )
  }
  if (bearer !== undefined && headerKey !== undefined && bearer !== headerKey)
    return refuse("UNAUTHENTICATED", null, "two different keys were sent; send one", challenge)
  const secret = authorization === undefined ? headerKey : bearer
  let account: Account | Refusal
  try {
    if (secret === undefined) account = otherScheme
    else if (secret.length > 2_048) account = unknownKey
    // A key begins as no token does.
    else if (headerKey !== undefined || secret.startsWith("cb_"))
      account = admitKey(await services.keys.find(secret), context, services)
    else account = (await services.people.find(secret, app, to === "account")) ?? unknownToken
  } catch (error) {
    if (to === "anybody or caller" && error instanceof Error && isTransientPostgresError(error))
      return undefined
    throw error
  }
  if (isRefusal(account)) return account
  if (account.person !== null) {
    // Of this request alone; what is cached knows none.
    const person = { ...account.person, initiator: initiatorOf(services, context, account) }
    account = { ...account, person }
  }
  // From here on it counts against the caller's limit, refused or not.
  const caller = account as ApiEnv["Variables"]["caller"]
  context.set("caller", caller)
  if (account.kind === "key" && app !== undefined && app !== caller?.appId)
    return refuse("FORBIDDEN", "x-app-id", "the key is of another app: use one of that app, or leave it out")
  return account.permissions.has(permission) ? undefined : forbidden(account, permission)
}

/** A browser cannot send headers with a WebSocket; what it can name is protocols. */
function bearerOfSocket(context: Context<ApiEnv>): string | undefined {
  if (context.req.header("upgrade")?.toLowerCase() !== "websocket") return undefined
  const offered = context.req.header("sec-websocket-protocol")?.split(",") ?? []
  const bearer = offered.map((protocol) => protocol.trim()).find((protocol) => protocol.startsWith("bearer."))
  return bearer === undefined ? undefined : `Bearer ${bearer.slice("bearer.".length)}`
}

function admitKey(
  key: KnownKey | undefined,
  context: Context<ApiEnv>,
  services: Services,
): Account | Refusal {
  if (key === undefined) return unknownKey
  const { allowedFrom, caller, keyId } = key
  if (allowedFrom !== null && !allowedFrom.has(clientAddress(context, services.trustedProxies) ?? ""))
    return refuse("FORBIDDEN", null, "the key may not be used from this address; its list names others")
  services.keys.noteUse(keyId)
  return caller
}

function forbidden(account: Account, permission: Permission): Refusal {
  const { scopes, roles, isForAll } = permissionTable[permission]
  if (account.kind === "person")
    return refuse(
      "FORBIDDEN",
      null,
      roles.length === 0
        ? "this is for API keys only"
        : `you are not ${roles.join(" or ")}${isForAll ? " for all apps" : " in this app"}; ask an admin`,
    )
  if (scopes.length === 0) return refuse("FORBIDDEN", null, "this is for people who have signed in")
  const wanted = `the key lacks the scope ${scopes.join(" or ")}`
  return refuse(
    "FORBIDDEN",
    null,
    isForAll ? `${wanted}, or is not one of the installation` : `${wanted}; use a key that has it`,
  )
}

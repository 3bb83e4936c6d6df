import pg from "pg"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"

/**
 * Answers DATABASE_URL as it is when it is a URL of PostgreSQL.
 * @throws ChainBridgeError CONFIG_INVALID, without the value: there may be a password in it
 */
export function checkDatabaseUrl(value: string): string {
  // What a URL may have around it, PostgreSQL's client takes for a part of it.
  const url = value.trim()
  if (URL.canParse(url) && /^postgres(ql)?:$/.test(new URL(url).protocol)) return url
  throw new ChainBridgeError(
    "CONFIG_INVALID",
    "DATABASE_URL is not a URL of PostgreSQL; allowed: postgres://user:password@host:port/database",
  )
}

/**
 * The same database for another user.
 * @throws ChainBridgeError CONFIG_INVALID where the client would go on as the user of before: everything of ours would run as the owner
 */
export function urlOfUser(databaseUrl: string, user: string, password: string): string {
  const url = new URL(databaseUrl)
  // They win over what stands before the host.
  for (const name of ["user", "password"]) url.searchParams.delete(name)
  url.username = encodeURIComponent(user)
  url.password = encodeURIComponent(password)
  const client = new pg.Client({ connectionString: url.toString() })
  if (client.user === user && client.password === password) return url.toString()
  throw new ChainBridgeError(
    "CONFIG_INVALID",
    "DATABASE_URL has no host: name one, or for a socket's directory postgres://user:password@localhost/database?host=/directory",
  )
}

/** What to say when the database of DATABASE_URL cannot be used: its host, never its password. */
export function databaseUnreachable(databaseUrl: string, cause: unknown): ChainBridgeError {
  const host = URL.canParse(databaseUrl) ? ` (${new URL(databaseUrl).host})` : ""
  return new ChainBridgeError(
    "DATABASE_UNREACHABLE",
    `the database of DATABASE_URL${host} does not let us in: ${describeReason(cause)}`,
    { retryable: true },
  )
}

/** Several addresses of one name fail with an error that has no text of its own. */
function describeReason(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(describeError).join(", ")
  return describeError(cause)
}

import { ChainBridgeError, describeError } from "../../platform/errors.ts"

/**
 * Answers DATABASE_URL as it is when it is a URL of PostgreSQL.
 * @throws ChainBridgeError CONFIG_INVALID, without the value: there may be a password in it
 */
export function checkDatabaseUrl(value: string): string {
  if (URL.canParse(value) && /^postgres(ql)?:$/.test(new URL(value).protocol)) return value
  throw new ChainBridgeError(
    "CONFIG_INVALID",
    "DATABASE_URL is not a URL of PostgreSQL; allowed: postgres://user:password@host:port/database",
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

import type { Context } from "hono"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { isStorageFull, isTransientPostgresError } from "../../platform/postgres.ts"
import type { ApiEnv } from "../api-env.ts"
import { isErrorCode } from "../errors.ts"
import { type Refusal, refuse } from "../refusal.ts"
import { respondRefusal } from "./respond.ts"

/** A fault becomes an answer in the envelope that tells a caller what to do and an attacker nothing; the log has the rest. */
export function errorHandler(logger: Logger): (thrown: unknown, context: Context<ApiEnv>) => Response {
  return (thrown, context) => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown))
    const refusal = refusalOf(error)
    const entry = { request_id: context.get("requestId"), reason: describeError(error), stack: error.stack }
    if (refusal.refused === "INTERNAL") logger.error(entry, "a request failed")
    else logger.warn({ ...entry, stack: undefined }, "a request could not be served")
    return respondRefusal(context, refusal)
  }
}

function refusalOf(error: Error): Refusal {
  if (error instanceof ChainBridgeError && error.retryable && isErrorCode(error.code))
    return refuse(error.code, null, error.message, {
      "retry-after": error.code === "STORAGE_FULL" ? "5" : "1",
    })
  if (isStorageFull(error)) {
    return refuse(
      "STORAGE_FULL",
      null,
      "this attempt recorded nothing; free or add disk space for the database, then send the same request again",
      { "retry-after": "5" },
    )
  }
  if (isTransientPostgresError(error)) {
    return refuse(
      "LEDGER_UNAVAILABLE",
      null,
      "send the same request again in a moment, a write with the same operation_id",
      { "retry-after": "1" },
    )
  }
  return refuse(
    "INTERNAL",
    null,
    "it is logged under this request_id; a write may be sent again with the same operation_id",
  )
}

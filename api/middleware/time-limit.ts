import type { MiddlewareHandler } from "hono"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import type { ApiEnv } from "../api-env.ts"
import { refuse } from "../refusal.ts"
import { respondRefusal } from "./respond.ts"

/** Answers for a handler that takes too long. What it does is not undone: a write may still be recorded, and the same key tells. */
export function timeLimit(timeoutMs: number, logger: Logger): MiddlewareHandler<ApiEnv> {
  return async (context, next) => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(resolve, timeoutMs, "late")
    })
    const work = next()
    const first = await Promise.race([work, late])
    clearTimeout(timer)
    if (first !== "late") return
    work.catch((error: unknown) =>
      logger.warn(
        { request_id: context.var.requestId, reason: describeError(error) },
        "a request that was too late failed",
      ),
    )
    return respondRefusal(
      context,
      refuse("TIMEOUT", null, "send the same request again, a write with the same operation_id", {
        "retry-after": "1",
      }),
    )
  }
}

import type { Context } from "hono"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import type { ApiEnv } from "../api-env.ts"
import { refuse } from "../refusal.ts"
import { respondRefusal } from "./respond.ts"

const timeout = refuse("TIMEOUT", null, "send the same request again, a write with the same operation_id", {
  "retry-after": "1",
})

/** Answers for work that takes too long. What it does is not undone: a write may still be recorded, and the same key tells. */
export function withinTimeLimit(
  context: Context<ApiEnv>,
  work: Promise<Response>,
  timeoutMs: number,
  logger: Logger,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      resolve(respondRefusal(context, timeout))
    }, timeoutMs)
    work.then(
      (response) => {
        clearTimeout(timer)
        resolve(response)
      },
      (error: unknown) => {
        clearTimeout(timer)
        if (!isLate) return reject(error)
        logger.warn(
          { request_id: context.get("requestId"), reason: describeError(error) },
          "a request that was too late failed",
        )
      },
    )
  })
}

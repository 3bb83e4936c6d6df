import type { Context } from "hono"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import type { ApiEnv } from "../api-env.ts"
import { refuse } from "../refusal.ts"
import { respondRefusal } from "./respond.ts"

/** Answers for work that takes too long. What it does is not undone: a write may still be recorded, and the same key tells. */
export async function withinTimeLimit(
  context: Context<ApiEnv>,
  work: Promise<Response>,
  timeoutMs: number,
  logger: Logger,
): Promise<Response> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, undefined)
  })
  let response: Response | undefined
  try {
    response = await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
  if (response !== undefined) return response
  work.catch((error: unknown) =>
    logger.warn(
      { request_id: context.get("requestId"), reason: describeError(error) },
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

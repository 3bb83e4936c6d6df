import { randomUUID } from "node:crypto"
import type { Context } from "hono"
import type { Logger } from "../../platform/logger.ts"
import type { ApiEnv } from "../api-env.ts"
import type { Cors } from "./cors.ts"
import { errorHandler } from "./error-handler.ts"

const saneRequestId = /^[A-Za-z0-9._:-]{1,128}$/

export type InRequestContext = (
  handler: (context: Context<ApiEnv>) => Response | Promise<Response>,
) => (context: Context<ApiEnv>) => Promise<Response>

/**
 * Gives a request its id, the caller's own where it is sane, answers a fault of its handler, and writes its one log line: the route's pattern, never the path, which names users.
 * Around every handler, as Hono calls a single one directly: middleware costs four promises more, and a wildcard in every look at the routes.
 */
export function requestContext(parent: Logger, cors: Cors | null): InRequestContext {
  // None of these fields can hold a secret, and looking for one costs more than the line.
  const logger = parent.child({}, { redact: [] })
  const answerFault = errorHandler(parent)
  return (handler) => async (context) => {
    const given = context.req.header("x-request-id")
    const requestId = given !== undefined && saneRequestId.test(given) ? given : `req_${randomUUID()}`
    context.set("requestId", requestId)
    cors?.mark(context)
    const startedAt = performance.now()
    let response: Response
    try {
      response = await handler(context)
    } catch (error) {
      response = answerFault(error, context)
    }
    const caller = context.get("caller")
    logger.info(
      {
        request_id: requestId,
        method: context.req.method,
        route: context.get("route") ?? "none",
        status: context.get("status") ?? response.status,
        duration_ms: Math.round((performance.now() - startedAt) * 100) / 100,
        actor: caller?.actor,
      },
      "request",
    )
    return response
  }
}

import { randomUUID } from "node:crypto"
import type { MiddlewareHandler } from "hono"
import type { Logger } from "../../platform/logger.ts"
import type { ApiEnv } from "../api-env.ts"

const saneRequestId = /^[A-Za-z0-9._:-]{1,128}$/

/** Gives the request its id, the caller's own where it is sane, and writes its one log line: the route's pattern, never the path, which names users. */
export function requestContext(parent: Logger): MiddlewareHandler<ApiEnv> {
  // None of these fields can hold a secret, and looking for one costs more than the line.
  const logger = parent.child({}, { redact: [] })
  return async (context, next) => {
    const given = context.req.header("x-request-id")
    const requestId = given !== undefined && saneRequestId.test(given) ? given : `req_${randomUUID()}`
    context.set("requestId", requestId)
    const startedAt = performance.now()
    await next()
    const caller = context.get("caller")
    logger.info(
      {
        request_id: requestId,
        method: context.req.method,
        route: context.get("route") ?? "none",
        status: context.get("status") ?? context.res.status,
        duration_ms: Math.round((performance.now() - startedAt) * 100) / 100,
        key_id: caller?.keyId,
      },
      "request",
    )
  }
}

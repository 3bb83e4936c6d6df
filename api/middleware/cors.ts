import { ServerResponse } from "node:http"
import type { Context } from "hono"
import type { ApiEnv } from "../api-env.ts"

/** What a page of another origin may send and read beyond what browsers allow anyway. */
const requestHeaders =
  "Authorization, Content-Type, Idempotency-Key, If-None-Match, Last-Event-ID, X-API-Key, X-App-Id, X-Request-Id"
const answerHeaders =
  "ETag, Retry-After, X-Request-Id, Idempotent-Replayed, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit-Policy, Deprecation, Sunset, Link, X-Ledger-Id, X-Head-Position, X-Refused-Lines"
const rememberSeconds = "600"

/** Lets pages of the origins read answers. Without credentials: no cookie of a browser ever speaks for anybody here. */
export type Cors = {
  /** Says so on the answer to come, whichever it is. */
  mark(context: Context<ApiEnv>): void
  /** @returns the answer to a browser that asks before it sends; undefined where that is none, or its page may not */
  preflight(context: Context<ApiEnv>, methods: string): Response | undefined
}

/** @param origins exact ones, such as https://console.example.com */
export function createCors(origins: readonly string[]): Cors | null {
  if (origins.length === 0) return null
  const allowed = new Set(origins)
  const originOf = (context: Context<ApiEnv>): string | undefined => {
    const origin = context.req.header("origin")
    return origin !== undefined && allowed.has(origin) ? origin : undefined
  }
  return {
    mark(context) {
      const origin = originOf(context)
      const outgoing = (context.env as ApiEnv["Bindings"] | undefined)?.outgoing
      if (origin === undefined || !(outgoing instanceof ServerResponse)) return
      outgoing.setHeader("access-control-allow-origin", origin)
      outgoing.setHeader("access-control-expose-headers", answerHeaders)
    },
    preflight(context, methods) {
      if (context.req.method !== "OPTIONS" || originOf(context) === undefined) return undefined
      if (context.req.header("access-control-request-method") === undefined) return undefined
      return new Response(null, {
        status: 204,
        headers: {
          "access-control-allow-methods": methods,
          "access-control-allow-headers": requestHeaders,
          "access-control-max-age": rememberSeconds,
          vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
          "x-request-id": context.get("requestId"),
        },
      })
    },
  }
}

import { permissionTable } from "../permissions.ts"
import type { Route } from "../route.ts"
import { isRead } from "./is-read.ts"

type Header = {
  readonly description: string
  readonly required?: boolean
  readonly schema: {
    readonly type: "string" | "integer"
    readonly format?: string
    readonly minimum?: number
  }
}

const text = (description: string): Header => ({ description, schema: { type: "string" } })
const count = (description: string): Header => ({ description, schema: { type: "integer", minimum: 0 } })
const always = (header: Header): Header => ({ ...header, required: true })

/** What stands in the headers of an answer with this status. */
export function answerHeaders(route: Route, status: number): Readonly<Record<string, Header>> {
  const isGood = status < 400 && status !== 101
  return {
    ...(status === 101
      ? {}
      : { "X-Request-Id": always(text("The caller's own where he sent a sane one; it is logged")) }),
    ...(permissionTable[route.permission].to === "anybody" ? {} : rateHeaders),
    ...(isRead(route) && (status === 200 || status === 304)
      ? { ETag: always(text("Send it as `If-None-Match`: 304 says that nothing has changed")) }
      : {}),
    ...(isGood && isRepeatable(route)
      ? { "Idempotent-Replayed": text("`true`: this is the first answer again, nothing new was recorded") }
      : {}),
    ...(isGood ? (route.answerHeaders ?? {}) : {}),
    ...(status === 401 ? { "WWW-Authenticate": text("How to authenticate") } : {}),
    ...(status === 426 ? { Upgrade: always(text("`websocket`")) } : {}),
    ...(status === 429 || status === 503 || status === 504
      ? { "Retry-After": count("Seconds after which to send the same request again") }
      : {}),
    ...(route.deprecated === undefined ? {} : deprecationHeaders),
  }
}

const rateHeaders = {
  "RateLimit-Limit": count("Where the caller has a limit: the size of his bucket"),
  "RateLimit-Remaining": count("What is left in it"),
  "RateLimit-Reset": count("Seconds until it is full again"),
  "RateLimit-Policy": text("`2000;w=2`: 2,000 requests within 2 seconds"),
}

const deprecationHeaders = {
  Deprecation: always(text("Since when, as in RFC 9745")),
  Sunset: always(text("Until when the address answers, as in RFC 8594")),
  Link: text("What stands in its place"),
}

function isRepeatable({ refusals }: Route): boolean {
  return refusals.includes("IDEMPOTENCY_CONFLICT")
}

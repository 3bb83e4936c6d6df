import { type RouteConfig, z } from "@hono/zod-openapi"
import { type ErrorCode, errorCodes } from "../errors.ts"
import { permissionTable } from "../permissions.ts"
import type { Route } from "../route.ts"
import { answerHeaders } from "./answer-headers.ts"
import { exampleOf } from "./examples.ts"
import { isRead } from "./is-read.ts"
import { linksOf } from "./links.ts"

const requestId = z.string().openapi({ example: "req_0193c5e0" })

const refusalSchema = z
  .object({
    code: z.number().int().openapi({ description: "The HTTP status" }),
    message: z.string(),
    request_id: requestId,
    errors: z.array(
      z.object({
        field: z.string().nullable(),
        code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
        message: z.string().openapi({ description: "What to do about it" }),
      }),
    ),
  })
  .openapi("Refusal")

const json = "application/json"

/** Whatever the route answers with, by status: the answer itself, and the refusals with their codes. */
export function answersOf(route: Route, all: readonly Route[]): RouteConfig["responses"] {
  const status = route.answerStatus ?? 200
  const responses: RouteConfig["responses"] = {
    [status]: { ...goodAnswer(route, status), links: linksOf(route, all) },
    ...(isRead(route) ? { 304: { description: "What the caller has, by its ETag, is as it was" } } : {}),
  }
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of codesOf(route))
    byStatus.set(errorCodes[code].status, [...(byStatus.get(errorCodes[code].status) ?? []), code])
  for (const [refusedStatus, codes] of [...byStatus].sort(([a], [b]) => a - b))
    responses[refusedStatus] = {
      description: codes.join(", "),
      content: { [json]: { schema: refusalSchemaOf(route, refusedStatus) } },
    }
  for (const [each, response] of Object.entries(responses))
    Object.assign(response, {
      headers: answerHeaders(route, Number(each)),
      ...(byStatus.has(Number(each)) ? { "x-error-codes": byStatus.get(Number(each)) } : {}),
    })
  return responses
}

/** Every code that a route refuses with: its own, and those that it shares. */
function codesOf(route: Route): readonly ErrorCode[] {
  return [...new Set([...commonRefusals(route), ...route.refusals])]
}

function commonRefusals(route: Route): ErrorCode[] {
  const codes: ErrorCode[] = [
    "INVALID_PARAMETER",
    "UNKNOWN_PARAMETER",
    "MALFORMED_TEXT",
    "MALFORMED_REQUEST",
    "REQUEST_TIMEOUT",
    "HEADERS_TOO_LARGE",
    "INTERNAL",
    "LEDGER_UNAVAILABLE",
    "STORAGE_FULL",
    "TIMEOUT",
  ]
  if (route.permission !== "public") codes.push("UNAUTHENTICATED", "FORBIDDEN", "RATE_LIMITED")
  if (permissionTable[route.permission].to.endsWith("caller")) codes.push("APP_REQUIRED")
  if (route.path.includes("{")) codes.push("NOT_FOUND")
  if (route.body !== undefined) {
    codes.push("MALFORMED_JSON", "BODY_TOO_DEEP", "INVALID_FIELD", "UNKNOWN_FIELD")
  }
  if (route.body !== undefined || route.upload !== undefined)
    codes.push("PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")
  return codes
}

function goodAnswer(route: Route, status: number): RouteConfig["responses"][string] {
  if (status === 302) return { description: "Goes on at `Location`" }
  if (status === 101) return { description: route.stream?.description ?? "" }
  if (route.answer === null) {
    const { contentType, description, schema } = route.stream ?? { contentType: [], description: "A stream" }
    const types = typeof contentType === "string" ? [contentType] : contentType
    const media = { schema: schema ?? z.string() }
    return { description, content: Object.fromEntries(types.map((type) => [type, media])) }
  }
  const example = exampleOf(route)?.answer
  return {
    description: "The answer",
    content: {
      [json]: { schema: envelopeOf(route, status), ...(example === undefined ? {} : { example }) },
    },
  }
}

function envelopeOf(route: Route, status: number, message: "success" | "unhealthy" = "success") {
  return z.object({
    code: z.literal(status),
    message: z.literal(message),
    data: route.answer ?? z.object({}),
    batch_info: z.record(z.string(), z.unknown()).optional(),
    request_id: requestId,
  })
}

function refusalSchemaOf(route: Route, status: number): z.ZodType {
  return status === 503 && route.isAnsweredUnhealthy === true
    ? z.union([refusalSchema, envelopeOf(route, 503, "unhealthy")])
    : refusalSchema
}

import { type OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi"
import type { ApiEnv } from "./api-env.ts"
import { type ErrorCode, errorCodes } from "./errors.ts"
import { fullPath, querySchema } from "./mount-route.ts"
import { permissionTable } from "./permissions.ts"
import type { Route } from "./route.ts"

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

const idempotencyKeyHeader = z.object({
  "idempotency-key": z
    .string()
    .optional()
    .openapi({ description: "Stands for operation_id in the body, with sequence 0" }),
})

function commonRefusals(route: Route): ErrorCode[] {
  const codes: ErrorCode[] = [
    "INVALID_PARAMETER",
    "UNKNOWN_PARAMETER",
    "INTERNAL",
    "LEDGER_UNAVAILABLE",
    "STORAGE_FULL",
    "TIMEOUT",
  ]
  if (route.permission !== "public")
    codes.push("UNAUTHENTICATED", "FORBIDDEN", "APP_REQUIRED", "MALFORMED_TEXT", "RATE_LIMITED")
  if (route.body !== undefined) {
    codes.push(
      "MALFORMED_JSON",
      "BODY_TOO_DEEP",
      "PAYLOAD_TOO_LARGE",
      "UNSUPPORTED_MEDIA_TYPE",
      "REQUEST_TIMEOUT",
    )
    codes.push("INVALID_FIELD", "UNKNOWN_FIELD")
  }
  return codes
}

function responsesOf(route: Route): RouteConfig["responses"] {
  const status = route.answerStatus ?? 200
  const responses: RouteConfig["responses"] = {
    [status]:
      status === 302
        ? { description: "Goes on at `Location`" }
        : route.answer === null
          ? {
              description: route.stream?.description ?? "A stream",
              content: {
                [route.stream?.contentType ?? "application/octet-stream"]: {
                  schema: route.stream?.schema ?? z.string(),
                },
              },
            }
          : {
              description: "The answer",
              content: {
                "application/json": {
                  schema: z.object({
                    code: z.literal(status),
                    message: z.literal("success"),
                    data: route.answer,
                    batch_info: z.record(z.string(), z.unknown()).optional(),
                    request_id: requestId,
                  }),
                },
              },
            },
  }
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set([...commonRefusals(route), ...route.refusals]))
    byStatus.set(errorCodes[code].status, [...(byStatus.get(errorCodes[code].status) ?? []), code])
  for (const [refusedStatus, codes] of [...byStatus].sort(([a], [b]) => a - b)) {
    responses[refusedStatus] = {
      description: codes.join(", "),
      content: { "application/json": { schema: refusalSchema } },
    }
  }
  return responses
}

function describeAccess({ permission }: Route): Pick<RouteConfig, "security" | "description"> {
  const { to, scopes, roles, isOwn, isForAll } = permissionTable[permission]
  if (to === "anybody") return {}
  const listed = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(" or ")
  const sentences = [
    `Permission \`${permission}\`.`,
    ...(scopes.length === 0
      ? []
      : [`Scope of a key: ${listed(scopes)}${isForAll ? ", of the installation" : ""}.`]),
    ...(roles.length === 0 ? [] : [`Role of a person: ${listed(roles)}${isForAll ? ", for all apps" : ""}.`]),
    ...(isOwn === true ? ["Everybody who has signed in."] : []),
  ]
  return {
    security: [
      { bearer: [] },
      ...(scopes.length === 0 ? [] : [{ apiKey: [] }]),
      ...(to === "anybody or caller" ? [{}] : []),
    ],
    description: sentences.join(" "),
  }
}

/** Puts a route into the document, with the very schemas that its requests are parsed with. */
export function documentRoute(app: OpenAPIHono<ApiEnv>, route: Route): void {
  app.openAPIRegistry.registerPath({
    method: route.method,
    path: fullPath(route),
    tags: [route.tag],
    summary: route.summary,
    ...describeAccess(route),
    request: {
      query: querySchema(route),
      ...(route.params === undefined ? {} : { params: route.params }),
      ...(route.body === undefined
        ? {}
        : {
            body: {
              required: route.isBodyOptional !== true,
              content: { "application/json": { schema: route.body } },
            },
          }),
      ...(route.upload === undefined
        ? {}
        : {
            body: {
              required: true,
              content: Object.fromEntries(route.upload.map((type) => [type, { schema: z.string() }])),
            },
          }),
      ...(route.refusals.includes("IDEMPOTENCY_KEY_MISMATCH") ? { headers: idempotencyKeyHeader } : {}),
    },
    responses: responsesOf(route),
  })
}

/** The OpenAPI 3.1 document of everything that was registered. */
export function buildDocument(app: OpenAPIHono<ApiEnv>, version: string): object {
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", { type: "http", scheme: "bearer" })
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", {
    type: "apiKey",
    in: "header",
    name: "X-API-Key",
  })
  return app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "ChainBridge",
      version,
      description:
        "A ledger that settles itself on EVM chains. Amounts are decimal strings in token units; every answer is in one envelope.",
    },
  })
}

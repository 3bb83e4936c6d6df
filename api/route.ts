import { z } from "@hono/zod-openapi"
import type { Context } from "hono"
import type { ApiEnv } from "./api-env.ts"
import type { Deprecation } from "./deprecation.ts"
import type { ErrorCode } from "./errors.ts"
import { type Permission, type PermissionTable, permissionTable } from "./permissions.ts"
import type { Answer } from "./presenters/envelope.ts"
import type { Refusal } from "./refusal.ts"
import type { Account, Caller } from "./registry/api-keys.ts"
import type { Services } from "./services.ts"
import { keyFields } from "./validation/hold-schemas.ts"

type Schema = z.ZodObject | undefined
type OutputOf<S extends Schema> = S extends z.ZodObject ? z.output<S> : Record<never, never>
type To<Name extends Permission> = PermissionTable[Name]["to"]
type CallerOf<Name extends Permission> =
  To<Name> extends "caller" ? Caller : To<Name> extends "account" ? Account : Caller | undefined

type RouteRequest<Params, Query, Body, Who> = {
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly caller: Who
  readonly context: Context<ApiEnv>
}

type RouteDefinition<
  Params extends Schema,
  Query extends Schema,
  Body extends Schema,
  Name extends Permission,
> = {
  readonly method: "get" | "post" | "put" | "patch" | "delete"
  /** Below `/api/v1`, or from the root where `isProbe`; `{name}` is a path parameter. */
  readonly path: string
  readonly isProbe?: boolean
  readonly tag: string
  readonly summary: string
  /** Of the table in permissions.ts, which says who may call. */
  readonly permission: Name
  readonly params?: Params
  readonly query?: Query
  readonly body?: Body
  readonly isBodyOptional?: boolean
  /** Content types of a body that the handler reads itself, piece by piece and in its own time. */
  readonly upload?: readonly string[]
  /** Shape of `data`; null where the answer is a stream. */
  readonly answer: z.ZodType | null
  /** How its items are written, and what one of them is. */
  readonly stream?: {
    readonly contentType: string | readonly string[]
    readonly description: string
    readonly schema?: z.ZodType
  }
  readonly answerStatus?: 101 | 200 | 202 | 302
  /** It says how things are also with a 503: the same answer, with the message "unhealthy". */
  readonly isAnsweredUnhealthy?: boolean
  /** Beyond those that all answers of its kind have. */
  readonly answerHeaders?: Readonly<
    Record<string, { readonly description: string; readonly schema: { readonly type: "string" } }>
  >
  /** What it reads of a request's headers, beyond what all routes of its kind do. For the document: the route reads them itself. */
  readonly requestHeaders?: z.ZodObject
  readonly deprecated?: Deprecation
  /** Beyond those that every route shares. */
  readonly refusals: readonly ErrorCode[]
  /** Where the answer has a secret in it: what whoever asks for it again under the same key is told instead. null: this one has none. */
  shownOnce?(data: Readonly<Record<string, unknown>>): string | null
  handle(
    services: Services,
    request: RouteRequest<OutputOf<Params>, OutputOf<Query>, OutputOf<Body>, CallerOf<Name>>,
  ): Promise<Answer | Refusal | Response>
}

/** A route with its schemas, as mounting and the OpenAPI document see it. */
export type Route = Omit<RouteDefinition<Schema, Schema, Schema, Permission>, "handle"> & {
  /** Its answer is kept under the key that the request names, which is no part of what the handler is given. */
  readonly isKept: boolean
  handle(
    services: Services,
    request: RouteRequest<never, never, never, never>,
  ): Promise<Answer | Refusal | Response>
}

/** One route: what it takes, who may call it, what it answers. The schemas validate the requests and make the OpenAPI document. */
export function defineRoute<
  Params extends Schema = undefined,
  Query extends Schema = undefined,
  Body extends Schema = undefined,
  Name extends Permission = "public",
>(definition: RouteDefinition<Params, Query, Body, Name>): Route {
  const route = { ...definition, isKept: isKept(definition) } as Route
  if (!route.isKept) return route
  const { method, body, shownOnce } = definition
  const own = body ?? (method === "delete" ? undefined : z.strictObject({}))
  return {
    ...route,
    ...(own === undefined ? {} : { body: own.safeExtend(keptKeyFields) }),
    ...(body === undefined ? { isBodyOptional: true } : {}),
    refusals: [
      ...route.refusals,
      "IDEMPOTENCY_CONFLICT",
      "IDEMPOTENCY_KEY_MISMATCH",
      ...(shownOnce === undefined ? [] : (["ANSWER_SHOWN_ONCE"] as const)),
    ],
  }
}

const keptKeyFields = {
  ...keyFields,
  operation_id: keyFields.operation_id.openapi({
    description:
      "A key of the caller's choice, known for ever. The same request under the same key is answered as it was the first time, and nothing is done twice; another request under it is refused. Without one, the request sent again is done again",
    example: "the-shops-webhook",
  }),
}

/** What somebody does whom the audit log names. What is written to the ledger has its key in the log; of what one does to one's own sign-in nothing is kept. */
function isKept({
  method,
  permission,
  refusals,
}: Pick<Route, "method" | "permission" | "refusals">): boolean {
  const { isRecorded, isOwn } = permissionTable[permission]
  if (method === "get" || isRecorded !== true || isOwn === true) return false
  return !refusals.includes("IDEMPOTENCY_CONFLICT")
}

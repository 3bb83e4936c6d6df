import { createHash } from "node:crypto"
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response"
import { z } from "@hono/zod-openapi"
import type { Context, Hono } from "hono"
import { answerOnce } from "./administration/answer-once.ts"
import type { ApiEnv } from "./api-env.ts"
import { deprecationHeaders } from "./deprecation.ts"
import { fullPath } from "./full-path.ts"
import { operationKeyOf } from "./ledger/operation-key.ts"
import { authenticate } from "./middleware/authenticate.ts"
import { readJsonBody } from "./middleware/json-body.ts"
import type { InRequestContext } from "./middleware/request-context.ts"
import { respondAnswer, respondRefusal } from "./middleware/respond.ts"
import { withinTimeLimit } from "./middleware/time-limit.ts"
import { permissionTable } from "./permissions.ts"
import type { Answer } from "./presenters/envelope.ts"
import { rateLimitHeaders, refuseRate } from "./rate-limits/rate-limit-headers.ts"
import { isRefusal, type Refusal, refuse } from "./refusal.ts"
import type { Account, Caller } from "./registry/api-keys.ts"
import type { Route } from "./route.ts"
import type { Services } from "./services.ts"
import { isStorableText } from "./validation/check-json.ts"
import { readFields, selectFields } from "./validation/fields.ts"
import { validate } from "./validation/validate.ts"

const noFields = z.strictObject({})

/** What a route's query may hold: on a read that answers in the envelope, `fields` as well. */
export function querySchema(route: Route): z.ZodObject {
  const own = route.query ?? noFields
  if (route.method !== "get" || route.answer === null || route.answerStatus === 302) return own
  return own.extend({
    fields: z
      .string()
      .regex(/^[a-z0-9_]+(\.[a-z0-9_]+)*(,[a-z0-9_]+(\.[a-z0-9_]+)*){0,49}$/, "write names like a,b.c")
      .optional()
      .openapi({ description: "Only these fields of `data`: `a,b.c`", example: undefined }),
  })
}

/** The same as the router writes it: `/api/v1/balance/:user_id`. */
export function addressPattern(route: Route): string {
  return fullPath(route).replace(/\{(\w+)\}/g, ":$1")
}

export function mountRoute(
  app: Hono<ApiEnv>,
  services: Services,
  route: Route,
  inContext: InRequestContext,
): void {
  const path = fullPath(route)
  const query = querySchema(route)
  const extraHeaders = route.deprecated === undefined ? undefined : deprecationHeaders(route.deprecated)
  const isTimed = route.answer !== null && route.upload === undefined
  const handler = inContext((context) => {
    context.set("route", path)
    if (extraHeaders !== undefined) context.set("extraHeaders", extraHeaders)
    const work = serve(services, route, query, context)
    if (!isTimed) return work
    return withinTimeLimit(context, work, services.limits.requestTimeoutMs, services.logger)
  })
  app.on([route.method], [addressPattern(route)], handler)
}

/** One function with all steps: as middleware, each of them costs two promises and a closure more. */
async function serve(
  services: Services,
  route: Route,
  query: z.ZodObject,
  context: Context<ApiEnv>,
): Promise<Response> {
  if (route.permission !== "public") {
    const refusal = await authenticate(context, services, route.permission)
    const limited = await limitRate(services, context)
    if (limited !== undefined) return respondRefusal(context, limited)
    if (refusal !== undefined) return respondRefusal(context, refusal)
  }
  let json: unknown
  if (route.body !== undefined) {
    const body = await readJsonBody(context, services.limits, route.isBodyOptional === true)
    if (isRefusal(body)) return respondRefusal(context, body)
    json = body.json
  }
  const result = await handle(services, route, query, context, json)
  if (result instanceof Response) return withExtraHeaders(context, result)
  return isRefusal(result) ? respondRefusal(context, result) : respondAnswer(context, result)
}

/** What a known caller asks for counts, also where he may not have it. @returns why he has to wait */
async function limitRate(services: Services, context: Context<ApiEnv>): Promise<Refusal | undefined> {
  const caller = context.get("caller")
  if (caller === undefined) return undefined
  const verdict = await services.rateLimits.take(caller.actor)
  if (verdict === undefined) return undefined
  context.set("extraHeaders", { ...context.get("extraHeaders"), ...rateLimitHeaders(verdict) })
  return verdict.isAllowed ? undefined : refuseRate(verdict)
}

function withExtraHeaders(context: Context<ApiEnv>, response: Response): Response {
  // One object stands for every answer whose handler has written it itself.
  if (response === RESPONSE_ALREADY_SENT) return response
  for (const [name, value] of Object.entries(context.get("extraHeaders") ?? {}))
    response.headers.set(name, value)
  return response
}

async function handle(
  services: Services,
  route: Route,
  querySchemaOfRoute: z.ZodObject,
  context: Context<ApiEnv>,
  json: unknown,
): Promise<Answer | Refusal | Response> {
  const params = readParams(route, context)
  if (isRefusal(params)) return params
  const query = readQuery(querySchemaOfRoute, context)
  if (isRefusal(query)) return query
  const body = route.body === undefined ? { value: {} } : validate(route.body, json, "body")
  if (isRefusal(body)) return body
  const { fields, ...own } = query.value
  const selected =
    typeof fields === "string" && route.answer !== null ? readFields(fields, route.answer) : undefined
  if (selected !== undefined && isRefusal(selected)) return selected
  // The route's own types follow from its schemas, which have just parsed each part.
  const caller = context.get("caller")
  const request = { params: params.value, query: own, body: body.value, caller, context }
  const result = route.isKept
    ? await handleKept(services, route, request, json)
    : await route.handle(services, request as never)
  if (selected === undefined || result instanceof Response || isRefusal(result)) return result
  return { ...result, data: selectFields(result.data, selected.selection) as object }
}

/** A write of administration, under the key that it names. */
async function handleKept(
  services: Services,
  route: Route,
  request: {
    readonly body: Readonly<Record<string, unknown>>
    readonly caller: Account | undefined
    readonly context: Context<ApiEnv>
  },
  json: unknown,
): Promise<Answer | Refusal | Response> {
  const { caller, context } = request
  const { operation_id: operationId, sequence, ...body } = request.body as KeyedBody
  const idempotencyKey = context.req.header("idempotency-key")
  const own = { ...request, body } as never
  if (caller === undefined || (operationId ?? sequence ?? idempotencyKey) === undefined)
    return route.handle(services, own)
  const key = operationKeyOf({ operationId, sequence, idempotencyKey })
  if (isRefusal(key)) return key
  const { operation_id: _, sequence: __, ...said } = (json ?? {}) as KeyedBody
  return answerOnce(services, {
    ...(permissionTable[route.permission].to === "caller" ? keysOf(caller as Caller) : keysOfInstallation),
    actor: caller.actor,
    key,
    said: { method: route.method, path: context.req.path, query: context.req.query(), body: said },
    shownOnce: (data) => route.shownOnce?.(data as Readonly<Record<string, unknown>>) ?? null,
    handle: (withOwn) => route.handle(withOwn, own),
  })
}

/** By the ledger's salt, as its operations: a plain hash would tell whoever guesses a short text. */
const keysOf = ({ ledgerId, requestKey }: Caller) => ({ ledgerId, hash: requestKey })
const keysOfInstallation = {
  ledgerId: null,
  hash: (text: string) => createHash("sha256").update(text).digest(),
}

type KeyedBody = { readonly operation_id?: string; readonly sequence?: number }

const undecodable = refuse("MALFORMED_TEXT", null, "percent-encode the address as UTF-8")

const unstorable = refuse("MALFORMED_TEXT", null, "take NUL characters out of the address")

/** Bytes that are no UTF-8 would otherwise be taken as the text of their escapes. A percent sign without two digits stands for itself. */
function isDecodable(encoded: string): boolean {
  try {
    decodeURIComponent(encoded.replace(/%(?![0-9a-f]{2})/gi, "%25"))
    return true
  } catch {
    return false
  }
}

function readParams(route: Route, context: Context<ApiEnv>): { readonly value: object } | Refusal {
  if (route.params === undefined) return { value: {} }
  const { url } = context.req
  if (url.includes("%") && !isDecodable(new URL(url).pathname)) return undecodable
  const values = context.req.param()
  if (!Object.values(values).every(isStorableText)) return unstorable
  return validate(route.params, values, "parameters")
}

function readQuery(
  schema: z.ZodObject,
  context: Context<ApiEnv>,
): { readonly value: Record<string, unknown> } | Refusal {
  const { url } = context.req
  if (!url.includes("?")) return withoutQuery(schema)
  if (!isDecodable(new URL(url).search)) return undecodable
  const values: Record<string, string> = {}
  for (const [name, given] of Object.entries(context.req.queries())) {
    const [value = ""] = given
    if (given.length > 1)
      return refuse("INVALID_PARAMETER", name.slice(0, 100), "the parameter may be given once only")
    if (!isStorableText(value) || !isStorableText(name)) return unstorable
    values[name] = value
  }
  return validate(schema, values, "parameters")
}

const emptyQueries = new WeakMap<z.ZodObject, ReturnType<typeof readQuery>>()

/** The same for every request that has none. */
function withoutQuery(schema: z.ZodObject): ReturnType<typeof readQuery> {
  let read = emptyQueries.get(schema)
  if (read === undefined) {
    read = validate(schema, {}, "parameters")
    emptyQueries.set(schema, read)
  }
  return read
}

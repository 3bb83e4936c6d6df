import { z } from "@hono/zod-openapi"
import type { Context, Hono, MiddlewareHandler } from "hono"
import type { ApiEnv } from "./api-env.ts"
import { authenticate } from "./middleware/authenticate.ts"
import { jsonBody } from "./middleware/json-body.ts"
import { respondAnswer, respondRefusal } from "./middleware/respond.ts"
import { timeLimit } from "./middleware/time-limit.ts"
import type { Answer } from "./presenters/envelope.ts"
import { isRefusal, type Refusal, refuse } from "./refusal.ts"
import type { Route } from "./route.ts"
import type { Services } from "./services.ts"
import { isStorableText } from "./validation/check-json.ts"
import { readFields, selectFields } from "./validation/fields.ts"
import { validate } from "./validation/validate.ts"

const noFields = z.strictObject({})

/** Where the route answers: `/api/v1/balance/{user_id}`. */
export function fullPath(route: Route): string {
  return route.isProbe === true ? route.path : `/api/v1${route.path}`
}

/** What a route's query may hold: on a read that answers in the envelope, `fields` as well. */
export function querySchema(route: Route): z.ZodObject {
  const own = route.query ?? noFields
  if (route.method !== "get" || route.answer === null) return own
  return own.extend({
    fields: z
      .string()
      .regex(/^[a-z0-9_]+(\.[a-z0-9_]+)*(,[a-z0-9_]+(\.[a-z0-9_]+)*){0,49}$/, "write names like a,b.c")
      .optional()
      .openapi({ description: "Only these fields of `data`: `a,b.c`", example: undefined }),
  })
}

export function mountRoute(app: Hono<ApiEnv>, services: Services, route: Route): void {
  const path = fullPath(route)
  const chain: MiddlewareHandler<ApiEnv>[] = [
    (context, next) => {
      context.set("route", path)
      return next()
    },
  ]
  if (route.answer !== null && route.upload === undefined)
    chain.push(timeLimit(services.limits.requestTimeoutMs, services.logger))
  if (route.auth !== "none")
    chain.push(authenticate(services.keys, route.scopes ?? [], route.auth === "optional"))
  if (route.body !== undefined) chain.push(jsonBody(services.limits, route.isBodyOptional === true))
  const query = querySchema(route)
  app.on([route.method], [path.replace(/\{(\w+)\}/g, ":$1")], ...chain, async (context) => {
    const result = await handle(services, route, query, context)
    if (result instanceof Response) return result
    return isRefusal(result) ? respondRefusal(context, result) : respondAnswer(context, result)
  })
}

async function handle(
  services: Services,
  route: Route,
  querySchemaOfRoute: z.ZodObject,
  context: Context<ApiEnv>,
): Promise<Answer | Refusal | Response> {
  const params = readParams(route, context)
  if (isRefusal(params)) return params
  const query = readQuery(querySchemaOfRoute, context)
  if (isRefusal(query)) return query
  const body = route.body === undefined ? { value: {} } : validate(route.body, context.var.json, "body")
  if (isRefusal(body)) return body
  const { fields, ...own } = query.value
  const selected =
    typeof fields === "string" && route.answer !== null ? readFields(fields, route.answer) : undefined
  if (selected !== undefined && isRefusal(selected)) return selected
  // The route's own types follow from its schemas, which have just parsed each part.
  const request = { params: params.value, query: own, body: body.value, caller: context.var.caller, context }
  const result = await route.handle(services, request as never)
  if (selected === undefined || result instanceof Response || isRefusal(result)) return result
  return { ...result, data: selectFields(result.data, selected.selection) as object }
}

const undecodable = refuse("MALFORMED_TEXT", null, "percent-encode the address as UTF-8")

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
  if (!isDecodable(new URL(context.req.url).pathname)) return undecodable
  return validate(route.params, context.req.param(), "parameters")
}

function readQuery(
  schema: z.ZodObject,
  context: Context<ApiEnv>,
): { readonly value: Record<string, unknown> } | Refusal {
  const { url } = context.req
  if (schema === noFields && !url.includes("?")) return { value: {} }
  if (!isDecodable(new URL(url).search)) return undecodable
  const values: Record<string, string> = {}
  for (const [name, given] of Object.entries(context.req.queries())) {
    const [value = ""] = given
    if (given.length > 1)
      return refuse("INVALID_PARAMETER", name.slice(0, 100), "the parameter may be given once only")
    if (!isStorableText(value) || !isStorableText(name))
      return refuse("MALFORMED_TEXT", null, "take NUL characters out of the address")
    values[name] = value
  }
  return validate(schema, values, "parameters")
}

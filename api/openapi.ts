import { OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi"
import type { ApiEnv } from "./api-env.ts"
import { describeDeprecation } from "./deprecation.ts"
import { fullPath } from "./full-path.ts"
import { appIdPattern } from "./identity/app-id.ts"
import { querySchema } from "./mount-route.ts"
import { answersOf } from "./openapi/answers.ts"
import { exampleOf } from "./openapi/examples.ts"
import { fieldPaths } from "./openapi/field-paths.ts"
import { introduction, tags } from "./openapi/introduction.ts"
import { isRead } from "./openapi/is-read.ts"
import { withMeanings } from "./openapi/meanings.ts"
import { operationId } from "./openapi/operation-id.ts"
import { partialSchema } from "./openapi/partial-schema.ts"
import { withPortablePatterns } from "./openapi/portable-patterns.ts"
import { withSharedParts } from "./openapi/shared-parts.ts"
import { permissionTable } from "./permissions.ts"
import { liveEventSchema } from "./presenters/live-event.ts"
import type { Route } from "./route.ts"

const idempotencyKeyHeader = z.object({
  "idempotency-key": z.string().optional().openapi({
    description: "Stands for operation_id in the body, with sequence 0",
    pattern: "^(?!\\.{1,2}$)[!-~]([ -~]{0,126}[!-~])?$",
  }),
})

const appHeader = z.object({
  "x-app-id": z.string().optional().openapi({
    description:
      "Which app is meant: to be said by a person with a role in several. A key has its own and can name no other",
    pattern: appIdPattern,
  }),
})

const ifNoneMatchHeader = z.object({
  "if-none-match": z.string().optional().openapi({
    description: "The `ETag` of what the caller has: 304 says that nothing has changed",
  }),
})

function describeHeaders(route: Route): z.ZodObject {
  const { to } = permissionTable[route.permission]
  return z.object({
    ...(to.endsWith("caller") ? appHeader.shape : {}),
    ...(isRead(route) ? ifNoneMatchHeader.shape : {}),
    ...route.requestHeaders?.shape,
    ...(route.refusals.includes("IDEMPOTENCY_KEY_MISMATCH") ? idempotencyKeyHeader.shape : {}),
  })
}

function describeAccess({ permission }: Route): { security?: RouteConfig["security"]; sentences: string[] } {
  const { to, scopes, roles, isOwn, isForAll } = permissionTable[permission]
  // Said, as an operation that says nothing is one of which nobody has thought.
  if (to === "anybody") return { security: [], sentences: [] }
  const listed = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(" or ")
  return {
    security: [
      { bearer: [] },
      ...(scopes.length === 0 ? [] : [{ apiKey: [] }]),
      ...(to === "anybody or caller" ? [{}] : []),
    ],
    sentences: [
      `Permission \`${permission}\`.`,
      ...(scopes.length === 0
        ? []
        : [`Scope of a key: ${listed(scopes)}${isForAll ? ", of the installation" : ""}.`]),
      ...(roles.length === 0
        ? []
        : [`Role of a person: ${listed(roles)}${isForAll ? ", for all apps" : ""}.`]),
      ...(isOwn === true ? ["Everybody who has signed in."] : []),
    ],
  }
}

/** The very schema that the query is parsed with, save that `fields` names what can be named. */
function describeQuery(route: Route): z.ZodObject {
  const query = querySchema(route)
  const paths = "fields" in query.shape && route.answer !== null ? fieldPaths(route.answer) : []
  if (paths.length === 0) return query
  return query.extend({
    fields: z
      .array(z.enum(paths as [string, ...string[]]))
      .min(1)
      .max(50)
      .optional()
      .openapi({ param: { description: "Only these fields of `data`", style: "form", explode: false } }),
  })
}

function describeRequest(route: Route): NonNullable<RouteConfig["request"]> {
  const example = exampleOf(route)
  const withExample = example?.body === undefined ? {} : { example: example.body }
  return {
    query: describeQuery(route),
    ...(route.params === undefined ? {} : { params: route.params }),
    ...(route.body === undefined
      ? {}
      : {
          body: {
            required: route.isBodyOptional !== true,
            content: { "application/json": { schema: route.body, ...withExample } },
          },
        }),
    ...(route.upload === undefined
      ? {}
      : {
          body: {
            required: true,
            content: Object.fromEntries(
              route.upload.map((type) => [type, { schema: z.string(), ...withExample }]),
            ),
          },
        }),
    headers: describeHeaders(route),
  }
}

/** Puts a route into the document, with the very schemas that its requests are parsed with. */
function describeRoute(app: OpenAPIHono<ApiEnv>, route: Route, all: readonly Route[]): void {
  const { security, sentences } = describeAccess(route)
  if (route.deprecated !== undefined) sentences.unshift(describeDeprecation(route.deprecated))
  app.openAPIRegistry.registerPath({
    method: route.method,
    path: fullPath(route),
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    ...(security === undefined ? {} : { security }),
    ...(sentences.length === 0 ? {} : { description: sentences.join(" ") }),
    ...(route.deprecated === undefined ? {} : { deprecated: true }),
    request: describeRequest(route),
    responses: answersOf(route, all),
  })
}

/** The OpenAPI 3.1 document of these routes. */
export function buildDocument(routes: readonly Route[], version: string): object {
  const app = new OpenAPIHono<ApiEnv>()
  for (const route of routes) describeRoute(app, route, routes)
  // Within the text of a stream's block, where no route names it.
  app.openAPIRegistry.register("LiveEvent", liveEventSchema)
  app.openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
    description: "An API key, or the access token of a person",
  })
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", {
    type: "apiKey",
    in: "header",
    name: "X-API-Key",
  })
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "ChainBridge",
      version,
      description: introduction,
      license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
    },
    tags: [...tags],
    servers: [{ url: "/", description: "Where this document comes from" }],
  })
  return withSharedParts(
    withSelections(withParameterExamples(withPortablePatterns(withMeanings(document)), routes), routes),
  )
}

type Envelope = { readonly properties: { data: object } }
type Answers = Record<string, { readonly content?: Record<string, { readonly schema: Envelope }> }>

/** With `fields` the data are a part of what they are without. */
function withSelections(document: object, routes: readonly Route[]): object {
  const { paths } = document as { paths: Record<string, Record<string, { readonly responses: Answers }>> }
  for (const route of routes) {
    if (!("fields" in querySchema(route).shape)) continue
    const schema =
      paths[fullPath(route)]?.[route.method]?.responses["200"]?.content?.["application/json"]?.schema
    if (schema === undefined) throw new TypeError(`${route.path} answers nothing to choose from`)
    const whole = schema.properties.data
    const part = { ...(partialSchema(whole) as object), title: "With `fields`: what they name" }
    schema.properties.data = { anyOf: [whole, part], "x-with-fields": true } as object
  }
  return document
}

type Parameter = {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema?: { example?: unknown }
  example?: unknown
}
type Paths = Record<string, Record<string, { readonly parameters?: Parameter[] }>>

/** Values of the route's own exchange, and none of anything that was left out of it: together they are a request that is answered. */
function withParameterExamples(document: object, routes: readonly Route[]): object {
  const { paths } = document as { paths: Paths }
  for (const route of routes) {
    const example = exampleOf(route)
    for (const parameter of paths[fullPath(route)]?.[route.method]?.parameters ?? []) {
      const values = parameter.in === "path" ? example?.params : example?.query
      const value = values?.[parameter.name]
      if (value !== undefined && parameter.in !== "header") parameter.example = value
      else if (example !== undefined && parameter.required !== true) delete parameter.schema?.example
    }
  }
  return document
}

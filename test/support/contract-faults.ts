import { TrieRouter } from "hono/router/trie-router"
import { z } from "zod"
import { buildDocument } from "../../api/openapi.ts"
import { routes } from "../../api/routes.ts"

export type Exchange = {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

type Json = { readonly [name: string]: unknown }
type Response = {
  readonly content?: Record<string, { readonly schema: Json }>
  readonly headers?: Record<string, { readonly $ref: string }>
  readonly "x-error-codes"?: readonly string[]
}
export type Operation = {
  readonly deprecated?: boolean
  readonly parameters?: readonly Json[]
  readonly requestBody?: {
    readonly content: Record<string, { readonly schema: Json; readonly example?: unknown }>
  }
  readonly responses: Record<string, Response & { content?: Record<string, { example?: unknown }> }>
}
type Document = {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: {
    readonly schemas: Json
    readonly headers: Record<string, { readonly required?: boolean }>
    readonly responses: Record<string, Response>
  }
}

/** The document, with every answer at its place: refusals that are the same stand once, among the components. */
export const contract = withAnswersInPlace(buildDocument(routes, "0.0.0") as Document)
const { components } = contract

function withAnswersInPlace(document: Document): Document {
  for (const methods of Object.values(document.paths))
    for (const { responses } of Object.values(methods))
      for (const [status, response] of Object.entries(responses)) {
        const { $ref } = response as { readonly $ref?: string }
        const name = $ref?.replace("#/components/responses/", "")
        const shared = name === undefined ? response : document.components.responses[name]
        if (shared === undefined) throw new TypeError(`the document has no ${String($ref)}`)
        responses[status] = shared
      }
  return document
}

const operations = new TrieRouter<{ readonly path: string; readonly method: string }>()
for (const [path, methods] of Object.entries(contract.paths))
  for (const method of Object.keys(methods))
    operations.add(method.toUpperCase(), path.replace(/\{(\w+)\}/g, ":$1"), { path, method })

/** Every answer may have them, whatever it is. */
const common = new Set(
  `cache-control connection content-encoding content-length content-security-policy content-type date keep-alive
  referrer-policy transfer-encoding vary x-accel-buffering x-content-type-options`.split(/\s+/),
)

/** Where an answer is otherwise than the document says; nothing where it is as it says, and of an address that it does not have. */
export function findContractFaults(exchange: Exchange): string[] {
  const { method, status, headers, text } = exchange
  const url = new URL(exchange.path, "http://localhost")
  const [[found]] = operations.match(method === "HEAD" ? "GET" : method, url.pathname)
  if (found === undefined) return []
  const [{ path, method: known }] = found
  const response = contract.paths[path]?.[known]?.responses[String(status)]
  if (response === undefined) return [`${status} is not documented: ${text.slice(0, 300)}`]
  const faults = headerFaults(response, headers)
  if (status === 304 || method === "HEAD" || response.content === undefined) return faults
  const type = (headers.get("content-type") ?? "").split(";")[0] ?? ""
  const media = response.content[type]
  if (media === undefined) return [...faults, `the content type ${type} is not documented`]
  if (type !== "application/json") return faults
  const body = JSON.parse(text) as { readonly errors?: readonly { readonly code: string }[] }
  for (const { code } of body.errors ?? [])
    if (!documentedCodes(path, known).has(code)) faults.push(`the code ${code} is not documented`)
  return [...faults, ...schemaFaults(media.schema, body, url.searchParams.has("fields") ? "any" : "whole")]
}

function documentedCodes(path: string, method: string): ReadonlySet<string> {
  const responses = Object.values(contract.paths[path]?.[method]?.responses ?? {})
  return new Set(responses.flatMap((response) => response["x-error-codes"] ?? []))
}

function headerFaults(response: Response, headers: Headers): string[] {
  const names = Object.keys(response.headers ?? {})
  const missing = names.filter((name) => components.headers[name]?.required === true && !headers.has(name))
  const documented = new Set(names.map((name) => name.toLowerCase()))
  const extra = [...headers.keys()].filter((name) => !common.has(name) && !documented.has(name))
  return [
    ...missing.map((name) => `the header ${name} is missing`),
    ...extra.map((name) => `the header ${name} is not documented`),
  ]
}

const compiled = new WeakMap<object, Map<string, z.ZodType>>()

/** @param part of what `fields` can choose from: all of it, or some */
export function schemaFaults(schema: Json, value: unknown, part: "whole" | "any" = "whole"): string[] {
  const known = compiled.get(schema) ?? new Map<string, z.ZodType>()
  compiled.set(schema, known)
  let validator = known.get(part)
  if (validator === undefined) {
    const text = JSON.stringify({
      ...(strict(schema, part) as Json),
      $defs: strict(components.schemas, part),
    })
    validator = z.fromJSONSchema(JSON.parse(text.replaceAll("#/components/schemas/", "#/$defs/")))
    known.set(part, validator)
  }
  const result = validator.safeParse(value)
  return result.success ? [] : [z.prettifyError(result.error)]
}

/** What the document does not name is not there: callers have to bear new fields, tests do not. */
function strict(schema: unknown, part: "whole" | "any"): unknown {
  if (Array.isArray(schema)) return schema.map((child) => strict(child, part))
  if (typeof schema !== "object" || schema === null) return schema
  const { "x-with-fields": isSelectable, anyOf } = schema as { "x-with-fields"?: true; anyOf?: unknown[] }
  if (isSelectable === true && part === "whole") return strict(anyOf?.[0], part)
  const copy = Object.fromEntries(Object.entries(schema).map(([name, child]) => [name, strict(child, part)]))
  return "properties" in copy && copy["type"] === "object" && !("additionalProperties" in copy)
    ? { ...copy, additionalProperties: false }
    : copy
}

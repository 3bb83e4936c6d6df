import { z } from "zod"
import type { Example } from "./read-examples.ts"

export type ApiDocument = {
  readonly paths: Record<string, Record<string, Operation>>
  readonly webhooks?: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, JsonSchema> }
}
type Operation = {
  readonly requestBody?: { readonly content: Content }
  readonly responses?: Record<string, { readonly content?: Content }>
}
type Content = Record<string, { readonly schema: JsonSchema }>
type JsonSchema = Record<string, unknown>

const success = z.strictObject({
  code: z.number().int().min(200).max(299),
  message: z.literal("success"),
  data: z.unknown(),
  batch_info: z.record(z.string(), z.unknown()).optional(),
  request_id: z.string(),
})

/**
 * Checks a JSON example by the API's own description. What stands behind `json` says which part of it: `POST /balance/adjust` the route's body,
 * `POST /balance/adjust 200` its answer, `Refusal` a component; nothing, an answer in its envelope.
 * @returns faults
 */
export function checkJson({ code, note }: Example, api: ApiDocument): string[] {
  const documents = parseDocuments(code)
  if (typeof documents === "string") return [documents]
  return documents.flatMap((document) => {
    const schema = schemaOf(note, document, api)
    if (typeof schema === "string") return [schema]
    const result = schema.safeParse(document)
    return result.success
      ? []
      : result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`)
  })
}

/** One document, or one a line. */
function parseDocuments(code: string): unknown[] | string {
  try {
    return [JSON.parse(code)]
  } catch {
    try {
      return code
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as unknown)
    } catch (error) {
      return String(error)
    }
  }
}

function schemaOf(note: string, document: unknown, api: ApiDocument): z.ZodType | string {
  const component = (name: string) => {
    const schema = api.components.schemas[name]
    return schema === undefined ? `/openapi.json has no component ${name}` : compile(schema, api)
  }
  if (note === "") {
    const { code } = z.looseObject({ code: z.number() }).safeParse(document).data ?? {}
    if (code === undefined) return "an answer has a code: for anything else, say behind `json` what it is"
    return code < 300 ? success : component("Refusal")
  }
  const [, method, path, status] = /^(GET|POST|PUT|PATCH|DELETE) (\/\S+)(?: (\d{3}))?$/.exec(note) ?? []
  if (method === undefined || path === undefined) return component(note)
  const operation = api.paths[`/api/v1${path}`]?.[method.toLowerCase()]
  const content =
    status === undefined ? operation?.requestBody?.content : operation?.responses?.[status]?.content
  const schema = content?.["application/json"]?.schema
  return schema === undefined ? `/openapi.json has no ${note}` : compile(schema, api)
}

function compile(schema: JsonSchema, { components }: ApiDocument): z.ZodType {
  const text = JSON.stringify({ ...schema, $defs: components.schemas })
  return z.fromJSONSchema(JSON.parse(text.replaceAll("#/components/schemas/", "#/$defs/")))
}

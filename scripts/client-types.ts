// `npm run client:types`: writes the client's types from the API's own description. With --check it only says whether they are as the routes are.
import openapiTypescript, { astToString, type OpenAPI3 } from "openapi-typescript"
import { buildDocument } from "../api/openapi.ts"
import { routes } from "../api/routes.ts"
import { keepGenerated } from "./keep-generated.ts"

/** What the client speaks; the whole document is at /openapi.json. */
const spoken = new Set(["Ledger", "Live updates"])
const heading = "// Written by `npm run client:types` from the routes of the API.\n\n"

const described = routes.filter(({ tag }) => spoken.has(tag))
const nodes = await openapiTypescript(withoutRefusals(buildDocument(described, "0.0.0") as OpenAPI3), {
  // Who asks may leave out what has a default.
  defaultNonNullable: false,
})
keepGenerated("client/src/api-types.ts", heading + astToString(nodes), "npm run client:types")

type Described = {
  operationId?: string
  responses?: Record<string, { headers?: unknown; links?: unknown }>
}

/** Refusals all have one shape, which is among the components: a dozen of them for each route would be most of the file. Headers and links make no type. */
function withoutRefusals(document: OpenAPI3): OpenAPI3 {
  const copy = wholeAnswers(document) as OpenAPI3
  delete copy.components?.headers
  delete copy.components?.responses
  for (const path of Object.values(copy.paths ?? {}))
    for (const operation of Object.values(path as Record<string, Described>)) {
      delete operation.operationId
      for (const [status, response] of Object.entries(operation.responses ?? {})) {
        delete response.headers
        delete response.links
        if (Number(status) >= 300) delete operation.responses?.[status]
      }
    }
  return copy
}

/** The client does not choose fields: what it reads is always the whole. */
function wholeAnswers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wholeAnswers)
  if (typeof value !== "object" || value === null) return value
  if ("x-with-fields" in value && "anyOf" in value) return wholeAnswers((value.anyOf as unknown[])[0])
  // An exchange as a whole would be longer than the type that it is of.
  const entries = Object.entries(value).filter(
    ([name, child]) => name !== "example" || typeof child !== "object",
  )
  return Object.fromEntries(entries.map(([name, child]) => [name, wholeAnswers(child)]))
}

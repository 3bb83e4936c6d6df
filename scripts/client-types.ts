// `npm run client:types`: writes the client's types from the API's own description. With --check it only says whether they are as the routes are.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { OpenAPIHono } from "@hono/zod-openapi"
import openapiTypescript, { astToString, type OpenAPI3 } from "openapi-typescript"
import type { ApiEnv } from "../api/api-env.ts"
import { buildDocument, documentRoute } from "../api/openapi.ts"
import { routes } from "../api/routes.ts"

const file = join(import.meta.dirname, "..", "client", "src", "api-types.ts")

/** What the client speaks; the whole document is at /openapi.json. */
const spoken = new Set(["Ledger", "Live updates"])
const heading = "// Written by `npm run client:types` from the routes of the API.\n\n"

const app = new OpenAPIHono<ApiEnv>()
for (const route of routes) if (spoken.has(route.tag)) documentRoute(app, route)
const nodes = await openapiTypescript(withoutRefusals(buildDocument(app, "0.0.0") as OpenAPI3), {
  // Who asks may leave out what has a default.
  defaultNonNullable: false,
})
const text = heading + astToString(nodes)

if (!process.argv.includes("--check")) writeFileSync(file, text)
else if (readOrNothing(file) !== text) {
  console.error(
    "client/src/api-types.ts is not what the routes say: npm run client:types, and commit what it writes",
  )
  process.exitCode = 1
}

function readOrNothing(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** They all have one shape, which is among the components: a dozen of them for each route would be most of the file. */
function withoutRefusals(document: OpenAPI3): OpenAPI3 {
  const copy = structuredClone(document)
  for (const path of Object.values(copy.paths ?? {}))
    for (const operation of Object.values(path as Record<string, { responses?: Record<string, unknown> }>))
      for (const status of Object.keys(operation.responses ?? {}))
        if (Number(status) >= 400) delete operation.responses?.[status]
  return copy
}

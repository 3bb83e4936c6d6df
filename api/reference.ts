import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import type { Hono } from "hono"
import type { ApiEnv } from "./api-env.ts"
import type { InRequestContext } from "./middleware/request-context.ts"
import { commonHeaders } from "./middleware/respond.ts"

// The page takes everything from this origin. Swagger UI sets style attributes and draws icons from data: URLs.
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>ChainBridge API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css">
    <link rel="icon" href="/docs/favicon-32x32.png">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`

const startScript = `SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
})
`

const assets = {
  "swagger-ui.css": "text/css; charset=utf-8",
  "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
  "favicon-32x32.png": "image/png",
} as const

/** `/openapi.json`, and `/docs`, which shows it in a browser without any other host. */
export function mountReference(app: Hono<ApiEnv>, inContext: InRequestContext, document: object): void {
  const get = (path: string, handler: () => Response) => app.get(path, inContext(handler))
  const documentText = JSON.stringify(document)
  get("/openapi.json", () => respond(documentText, "application/json; charset=utf-8"))
  get("/docs", () => respond(page, "text/html; charset=utf-8"))
  get("/docs/start.js", () => respond(startScript, "text/javascript; charset=utf-8"))
  const directory = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"))
  for (const [name, type] of Object.entries(assets)) {
    let bytes: Uint8Array<ArrayBuffer> | undefined
    get(`/docs/${name}`, () => {
      bytes ??= new Uint8Array(readFileSync(join(directory, name)))
      return respond(bytes, type, "public, max-age=86400")
    })
  }
}

function respond(body: string | Uint8Array<ArrayBuffer>, type: string, cacheControl = "no-cache"): Response {
  return new Response(body, {
    headers: {
      ...commonHeaders,
      "content-type": type,
      "cache-control": cacheControl,
      "content-security-policy": contentSecurityPolicy,
    },
  })
}

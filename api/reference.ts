import { readFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import type { Context, Hono } from "hono"
import type { ApiEnv } from "./api-env.ts"
import { createAsset } from "./middleware/asset.ts"
import type { InRequestContext } from "./middleware/request-context.ts"

// The page takes everything from this origin. Scalar writes style elements and attributes, and draws icons from data: URLs.
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const distribution = dirname(createRequire(import.meta.url).resolve("@scalar/api-reference"))
const { version } = JSON.parse(readFileSync(join(distribution, "..", "package.json"), "utf8")) as {
  version: string
}
const bundlePath = `/docs/scalar-${version}.js`

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>ChainBridge API</title>
    <link rel="icon" href="/docs/icon.svg">
  </head>
  <body>
    <div id="reference"></div>
    <script src="${bundlePath}"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`

/** Nothing of it may leave the origin: no fonts, telemetry, proxy, assistant or links of the vendor's own services. */
const configuration = {
  url: "/openapi.json",
  theme: "default",
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  mcp: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: "never",
  persistAuth: false,
  authentication: { preferredSecurityScheme: "bearer" },
  defaultOpenAllTags: false,
}

const startScript = `Scalar.createApiReference("#reference", ${JSON.stringify(configuration)})\n`

const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="none" stroke="#2f6feb" stroke-width="4"><rect x="3" y="10" width="15" height="12" rx="6"/><rect x="14" y="10" width="15" height="12" rx="6"/></g></svg>\n`

/** `/openapi.json`, and `/docs`, which shows it in a browser without any other host. */
export function mountReference(app: Hono<ApiEnv>, inContext: InRequestContext, document: object): void {
  const headers = { "content-security-policy": contentSecurityPolicy }
  const get = (path: string, answer: (context: Context<ApiEnv>) => Promise<Response>) =>
    app.get(path, inContext(answer))
  const text = (content: string) => () => Promise.resolve(Buffer.from(content))
  get(
    "/openapi.json",
    createAsset({ type: "application/json; charset=utf-8", headers, read: text(JSON.stringify(document)) }),
  )
  // Where people look first.
  for (const path of ["/", "/docs/"]) get(path, (context) => Promise.resolve(context.redirect("/docs")))
  get("/docs", createAsset({ type: "text/html; charset=utf-8", headers, read: text(page) }))
  get(
    "/docs/start.js",
    createAsset({ type: "text/javascript; charset=utf-8", headers, read: text(startScript) }),
  )
  get("/docs/icon.svg", createAsset({ type: "image/svg+xml", headers, read: text(icon) }))
  const bundle = join(distribution, "browser", "standalone.js")
  get(
    bundlePath,
    // Its address names its version: what it is never changes.
    createAsset({
      type: "text/javascript; charset=utf-8",
      headers,
      isImmutable: true,
      read: () => readFile(bundle),
    }),
  )
}

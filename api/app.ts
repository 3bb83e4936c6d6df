import { OpenAPIHono } from "@hono/zod-openapi"
import type { Hono } from "hono"
import { TrieRouter } from "hono/router/trie-router"
import type { ApiEnv } from "./api-env.ts"
import type { ApiContext } from "./context.ts"
import { createCors } from "./middleware/cors.ts"
import { requestContext } from "./middleware/request-context.ts"
import { respondRefusal } from "./middleware/respond.ts"
import { addressPattern, mountRoute } from "./mount-route.ts"
import { buildDocument } from "./openapi.ts"
import { mountReference } from "./reference.ts"
import { refuse } from "./refusal.ts"
import { routes } from "./routes.ts"
import { createServices, type Services } from "./services.ts"

/** The whole HTTP API. `services` live as long as the server: see startApiServer. */
export function createApi(context: ApiContext, services: Services = createServices(context)): Hono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>()
  const cors = createCors(context.corsOrigins ?? [])
  const inContext = requestContext(context.logger, cors)
  const methods = new Map<string, string[]>()
  for (const route of routes) {
    mountRoute(app, services, route, inContext)
    const path = addressPattern(route)
    methods.set(path, [...(methods.get(path) ?? []), route.method.toUpperCase()])
  }
  mountReference(app, inContext, buildDocument(routes, context.version))
  const addresses = new TrieRouter<string>()
  // As in the description, an address without parameters stands before one that would take it for a parameter.
  const patterns = [...methods].sort(([a], [b]) => Number(a.includes(":")) - Number(b.includes(":")))
  for (const [path, known] of patterns) {
    const allow = known.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ")
    addresses.add("ALL", path, allow)
  }
  app.notFound(
    inContext((c) => {
      const [[found]] = addresses.match("ALL", c.req.path)
      if (found === undefined)
        return respondRefusal(
          c,
          refuse("NOT_FOUND", null, "GET /docs shows every address, /openapi.json lists them for programs"),
        )
      const [allow] = found
      const asked = cors?.preflight(c, allow)
      if (asked !== undefined) return asked
      return respondRefusal(c, refuse("METHOD_NOT_ALLOWED", null, `use ${allow}`, { allow }))
    }),
  )
  return app
}

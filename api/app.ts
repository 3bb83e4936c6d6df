import { OpenAPIHono } from "@hono/zod-openapi"
import type { Hono } from "hono"
import type { ApiEnv } from "./api-env.ts"
import type { ApiContext } from "./context.ts"
import { errorHandler } from "./middleware/error-handler.ts"
import { requestContext } from "./middleware/request-context.ts"
import { respondRefusal } from "./middleware/respond.ts"
import { fullPath, mountRoute } from "./mount-route.ts"
import { buildDocument, documentRoute } from "./openapi.ts"
import { mountReference } from "./reference.ts"
import { refuse } from "./refusal.ts"
import { routes } from "./routes.ts"
import { createServices, type Services } from "./services.ts"

/** The whole HTTP API. `services` live as long as the server: see startApiServer. */
export function createApi(context: ApiContext, services: Services = createServices(context)): Hono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>()
  app.use("*", requestContext(context.logger))
  app.onError(errorHandler(context.logger))
  app.notFound((c) => respondRefusal(c, refuse("NOT_FOUND", null, "GET /openapi.json lists every address")))
  const methods = new Map<string, string[]>()
  for (const route of routes) {
    mountRoute(app, services, route)
    documentRoute(app, route)
    const path = fullPath(route)
    methods.set(path, [...(methods.get(path) ?? []), route.method.toUpperCase()])
  }
  mountReference(app, buildDocument(app, context.version))
  for (const [path, known] of methods) {
    const allow = known.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method])).join(", ")
    app.all(path.replace(/\{(\w+)\}/g, ":$1"), (c) =>
      respondRefusal(c, refuse("METHOD_NOT_ALLOWED", null, `use ${allow}`, { allow })),
    )
  }
  return app
}

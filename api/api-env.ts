import type { HttpBindings } from "@hono/node-server"
import type { Caller } from "./registry/api-keys.ts"

/** What travels with a request through the middleware. */
export type ApiEnv = {
  Bindings: Partial<HttpBindings>
  Variables: {
    requestId: string
    /** Pattern of the route that answers; undefined where none does. */
    route: string | undefined
    /** Of an answer that has been written already. */
    status: number | undefined
    /** Set where the route needs a key, or takes one. */
    caller: Caller | undefined
  }
}

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
    /** Set where the route needs to know who calls, and where somebody says so. Without an app where it needs none. */
    caller: Caller | undefined
    /** What the answer says of the caller's limit, where he has one, and of the end of a route that goes. */
    extraHeaders: Readonly<Record<string, string>> | undefined
  }
}

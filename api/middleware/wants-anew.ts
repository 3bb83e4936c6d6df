import type { Context } from "hono"
import type { ApiEnv } from "../api-env.ts"

/** Whether the caller wants nothing from memory. `no-cache`, which every `fetch` with an `If-None-Match` sends, only wants it held against what it is of, and that it always is. */
export function wantsAnew(context: Context<ApiEnv>): boolean {
  return /\bno-store\b/i.test(context.req.header("cache-control") ?? "")
}

import { z } from "@hono/zod-openapi"
import { sql } from "kysely"
import { describeError } from "../../platform/errors.ts"
import { within } from "../chain/within.ts"
import { refuse } from "../refusal.ts"
import { defineRoute } from "../route.ts"

const databaseTimeoutMs = 2_000

export const getLivez = defineRoute({
  method: "get",
  path: "/livez",
  isProbe: true,
  tag: "System",
  summary: "Whether the process answers at all",
  permission: "public",
  answer: z.object({ status: z.literal("alive") }),
  refusals: [],
  handle: () => Promise.resolve({ data: { status: "alive" } }),
})

export const getReadyz = defineRoute({
  method: "get",
  path: "/readyz",
  isProbe: true,
  tag: "System",
  summary: "Whether requests may be sent here",
  permission: "public",
  answer: z.object({ status: z.literal("ready") }),
  refusals: ["NOT_READY"],
  async handle(services) {
    if (services.isStopping) return refuse("NOT_READY", null, "the server is stopping; ask another one")
    try {
      await within(
        Promise.all([sql`SELECT 1`.execute(services.db), services.registry.current()]),
        databaseTimeoutMs,
      )
      return { data: { status: "ready" } }
    } catch (error) {
      services.logger.warn({ reason: describeError(error) }, "not ready")
      return refuse("NOT_READY", null, "the database does not answer yet; ask again", { "retry-after": "1" })
    }
  },
})

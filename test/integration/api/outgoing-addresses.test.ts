import { z } from "@hono/zod-openapi"
import { expect, it } from "vitest"
import { fullPath } from "../../../api/full-path.ts"
import { querySchema } from "../../../api/mount-route.ts"
import { routes } from "../../../api/routes.ts"

/** What sounds like somewhere to go: `url`, `callback_uri`, `endpoint` … */
const address = /(^|_)(ur[li]s?|hosts?|endpoints?|callbacks?|targets?|webhooks?|rpc)(_|$)/
/** What is shown to people and called by nobody, and what is percentages. */
const others = ["explorer_url", "efficiency_target"]

function namesIn(schema: unknown): string[] {
  if (Array.isArray(schema)) return schema.flatMap(namesIn)
  if (typeof schema !== "object" || schema === null) return []
  const { properties = {} } = schema as { properties?: object }
  return [...Object.keys(properties), ...Object.values(schema).flatMap(namesIn)]
}

const fieldsOf = (schema: z.ZodType | undefined) =>
  schema === undefined ? [] : namesIn(z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }))

it("no request names an address to call, but for a webhook's", () => {
  const named = routes.flatMap((route) =>
    [...fieldsOf(route.body), ...fieldsOf(querySchema(route))]
      .filter((name) => address.test(name) && !others.includes(name))
      .map((name) => `${fullPath(route)} ${name}`),
  )
  expect(routes.flatMap((route) => fieldsOf(route.body))).toContain("user_id")
  expect(named.filter((line) => !/^\/api\/v1\/webhooks(\/\{\w+\})? url$/.test(line))).toEqual([])
})

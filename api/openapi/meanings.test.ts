import { expect, it } from "vitest"
import { buildDocument } from "../openapi.ts"
import { routes } from "../routes.ts"

it("what a field or parameter means names routes that there are", () => {
  const document = buildDocument(routes, "0") as { paths: Record<string, Record<string, object>> }
  const known = new Set(
    Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replace("/api/v1", "")}`),
    ),
  )
  const named = JSON.stringify(document).matchAll(/`(?:GET|POST|PUT|PATCH|DELETE) \/[^`?]*/g)
  const unknown = new Set([...named].map(([text]) => text.slice(1)).filter((route) => !known.has(route)))
  expect([...unknown]).toEqual([])
})

import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { routes } from "../../../api/routes.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api?.close())

describe("the examples of the API's description", () => {
  type Documented = {
    readonly example?: unknown
    readonly schema: {
      readonly example?: unknown
      readonly properties?: Record<
        string,
        { readonly example?: unknown; readonly anyOf?: readonly { readonly example?: unknown }[] }
      >
    }
  }
  type Operation = {
    readonly parameters?: readonly {
      readonly name: string
      readonly in: "path" | "query" | "header"
      readonly example?: unknown
      readonly schema?: { readonly example?: unknown }
    }[]
    readonly requestBody?: { readonly content: Record<string, Documented> }
    readonly responses: Record<string, { readonly content: Record<string, Documented> }>
  }
  const json = "application/json"
  async function documented(method: string, path: string): Promise<Operation> {
    const response = await fetch(`${api.server.url}/openapi.json`)
    const { paths } = (await response.json()) as { paths: Record<string, Record<string, Operation>> }
    const operation = paths[`/api/v1${path}`]?.[method]
    if (operation === undefined) throw new Error(`${path} is not described`)
    return operation
  }

  /** What a page that shows the description fills in by itself: every example that there is, in headers, too. */
  async function fillIn(method: string, path: string) {
    const { parameters = [], requestBody } = await documented(method, path)
    const headers: Record<string, string> = {}
    const query = new URLSearchParams()
    let filled = `/api/v1${path}`
    for (const { name, in: place, example, schema } of parameters) {
      const value = example ?? schema?.example
      if (value === undefined) continue
      if (place === "header") headers[name] = String(value)
      else if (place === "query") query.set(name, String(value))
      else filled = filled.replace(`{${name}}`, encodeURIComponent(String(value)))
    }
    const described = requestBody?.content[json]
    return {
      path: query.size === 0 ? filled : `${filled}?${query}`,
      body: described?.example ?? described?.schema.example,
      headers,
    }
  }

  it.each([
    ["post", "/balance/adjust"],
    ["post", "/assets/adjust"],
    ["post", "/rewards/distribute"],
    ["post", "/consumption/deduct"],
    ["post", "/balance/holds"],
    ["get", "/balance/{user_id}"],
  ])("are together a request that is answered: %s %s", async (method, path) => {
    await api.fund("user_123", "100000")
    const request = await fillIn(method, path)
    if (method === "post") expect(request.body).toBeDefined()
    const reply = await api.call(method.toUpperCase(), request.path, request.body, request.headers)
    expect(reply.body.errors).toBeUndefined()
    expect(reply.status).toBe(200)
  })

  it.each([
    ["post", "/assets/adjust"],
    ["post", "/rewards/distribute"],
    ["post", "/consumption/deduct"],
    ["get", "/transactions/{user_id}"],
  ])("are answers of %s %s", async (method, path) => {
    const { responses } = await documented(method, path)
    const data = responses["200"]?.content[json]?.schema.properties?.data
    // Of a read the whole comes before the part that `fields` chooses.
    const example = data?.anyOf?.[0]?.example ?? data?.example
    const route = routes.find((one) => one.method === method && one.path === path)
    expect(route?.answer?.safeParse(example)).toMatchObject({ success: true, data: example })
  })
})

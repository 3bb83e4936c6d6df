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
    readonly schema: {
      readonly example?: unknown
      readonly properties?: Record<
        string,
        { readonly example?: unknown; readonly anyOf?: readonly { readonly example?: unknown }[] }
      >
    }
  }
  type Operation = {
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

  it.each(["/assets/adjust", "/rewards/distribute", "/consumption/deduct"])(
    "are taken by %s",
    async (path) => {
      const example = (await documented("post", path)).requestBody?.content[json]?.schema.example
      expect(example).toBeDefined()
      await api.fund("user_123", "100")
      const reply = await api.call("POST", `/api/v1${path}`, example)
      expect(reply.body.errors).toBeUndefined()
      expect(reply.status).toBe(200)
    },
  )

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

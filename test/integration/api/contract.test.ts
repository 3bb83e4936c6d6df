import { readFileSync, writeFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { fullPath } from "../../../api/full-path.ts"
import { querySchema } from "../../../api/mount-route.ts"
import { type Example, exampleKey } from "../../../api/openapi/examples.ts"
import type { Route } from "../../../api/route.ts"
import { routes } from "../../../api/routes.ts"
import { type ChainsToRegister, startChainsToRegister } from "../../support/chains-to-register.ts"
import { contractCalls } from "../../support/contract-calls.ts"
import { contract, findContractFaults, schemaFaults } from "../../support/contract-faults.ts"
import { type ContractWorld, seedContractWorld, testWebhooks } from "../../support/contract-world.ts"
import { testIdentity } from "../../support/people.ts"
import { createPlainText } from "../../support/plain-example.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

/** `npm run examples` has what is answered here written into the description. */
const isRecording = process.env["RECORD_EXAMPLES"] === "1"
const file = new URL("../../../api/openapi/examples.json", import.meta.url)
const examples = JSON.parse(readFileSync(file, "utf8")) as Record<string, Example>

/** Without a call of their own: they need an identity provider or another protocol, and have tests of their own. */
const elsewhere = new Set(["get /auth/oidc/start", "get /auth/oidc/callback", "get /ws"])

let api: TestApi
let world: ContractWorld
let chains: ChainsToRegister
const recorded: Record<string, Example> = {}
const plain = createPlainText()
beforeAll(async () => {
  chains = await startChainsToRegister()
  api = await startTestApi({
    identity: testIdentity,
    limits: { laneMaxAgeMs: 0 },
    webhooks: testWebhooks,
    environment: chains.environment,
  })
  world = await seedContractWorld(api)
})
afterAll(async () => {
  if (isRecording) writeFileSync(file, `${JSON.stringify(recorded, null, 2)}\n`)
  await api.close()
  await chains.stop()
})

const nameOf = (route: Route) => `${route.method} ${route.path}`
const called = routes.filter((route) => !elsewhere.has(nameOf(route)))

/** Of what has no end, the first block. */
async function readText(response: Response): Promise<string> {
  if (response.headers.get("content-type")?.startsWith("text/event-stream") !== true) return response.text()
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ""
  while (!/\ndata: .*\n\n/.test(text)) text += (await reader?.read())?.value ?? ""
  await reader?.cancel()
  return text
}

describe("every route answers as its description says", () => {
  it.each(called.map((route) => [nameOf(route), route] as const))("%s", async (name, route) => {
    const prepare = contractCalls[name]
    if (prepare === undefined)
      throw new Error(`say in test/support/contract-calls.ts how ${name} is called, then npm run examples`)
    const { params = {}, query = {}, body, headers = {} } = await prepare({ api, world, chains })
    const address = fullPath(route).replace(/\{(\w+)\}/g, (_, one: string) =>
      encodeURIComponent(params[one] ?? ""),
    )
    const search = new URLSearchParams(
      Object.entries(query).map(([one, value]): [string, string] => [one, String(value)]),
    )
    const path = search.size === 0 ? address : `${address}?${search.toString()}`
    const given = {
      authorization: `Bearer ${api.apiKey}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    }
    const method = route.method.toUpperCase()
    const response = await fetch(`${api.server.url}${path}`, {
      method,
      headers: Object.fromEntries(Object.entries(given).filter(([, value]) => value !== "")),
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    })
    const { status } = response
    const text = await readText(response)
    expect([status, text]).toEqual([route.answerStatus ?? 200, text])
    expect(findContractFaults({ method, path, status, headers: response.headers, text })).toEqual([])
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true
    recorded[exampleKey(route)] = {
      ...(Object.keys(params).length === 0 ? {} : { params: plain(params) as Record<string, string> }),
      ...(Object.keys(query).length === 0 ? {} : { query }),
      ...(body === undefined ? {} : { body: plain(body) }),
      answer: plain(isJson ? JSON.parse(text) : text),
    }
  })
})

describe("an address that does not support the method", () => {
  it.each([
    ["DELETE", "/api/v1/balance/holds", "POST"],
    ["POST", "/api/v1/balance/ann", "GET, HEAD"],
    ["OPTIONS", "/api/v1/admin/keys", "GET, HEAD, POST"],
  ])("%s %s says what it supports, as the description has it", async (method, path, allow) => {
    const { status, headers } = await fetch(`${api.server.url}${path}`, { method })
    expect([status, headers.get("allow")]).toEqual([405, allow])
  })
})

describe.skipIf(isRecording)("the examples of the description", () => {
  it.each(called.map((route) => [nameOf(route), route] as const))("of %s are what it says", (_, route) => {
    const operation = contract.paths[fullPath(route)]?.[route.method]
    const example = examples[exampleKey(route)]
    if (operation === undefined || example === undefined) throw new Error("there is none: npm run examples")
    for (const { example: shown } of Object.values(operation.requestBody?.content ?? {}))
      expect(shown).toEqual(example.body)
    // With the very schemas that requests are parsed with.
    const query = Object.entries(example.query ?? {}).map(([name, value]) => [name, String(value)])
    for (const [schema, value] of [
      [route.body, example.body ?? (route.isBodyOptional === true ? {} : undefined)],
      [route.params, example.params],
      [querySchema(route), Object.fromEntries(query)],
    ] as const)
      expect(schema?.safeParse(value).error?.issues).toBeUndefined()
    const content = operation.responses[String(route.answerStatus ?? 200)]?.content ?? {}
    for (const [type, media] of Object.entries(content)) {
      if (type !== "application/json") continue
      expect(media.example).toEqual(example.answer)
      expect(schemaFaults(media.schema, media.example)).toEqual([])
    }
    for (const { name, in: place, example: shown } of operation.parameters ?? [])
      if (place === "path") expect([name, shown]).toEqual([name, example.params?.[String(name)]])
  })
})

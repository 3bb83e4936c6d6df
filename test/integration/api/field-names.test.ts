import { sql } from "kysely"
import { afterAll, beforeAll, expect, it } from "vitest"
import { testIdentity } from "../../support/people.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi({ identity: testIdentity })
})
afterAll(() => api.close())

/** A change whose metadata has a field of this name, written like this. */
const adjustWith = (written: string) => {
  const metadata = `{"activity_id":{"first":1,"${written}":2}}`
  const change = `{"user_id":"ann","token_symbol":"CPOP","amount":"+1","reason_type":"reward","metadata":${metadata}}`
  return api.adjust(`{"adjustments":[${change}]}` as never)
}

it.each([
  ["a backslash", "\\\\"],
  ["a backslash by its number", "\\u005c"],
  ["a backslash in it", "a\\\\n"],
  ["a line end", "\\n"],
  ["a quotation mark", '\\"'],
])("a name with %s is refused, and harms nobody else's names", async (_, written) => {
  const refused = await adjustWith(written)
  expect(refused.status).toBe(400)
  expect(refused.body).toMatchObject({ errors: [{ field: null, code: "MALFORMED_TEXT" }] })
  await expectOthersKept()
})

it("a name with a backslash in the header of a token that nobody issued harms nobody else's", async () => {
  const header = Buffer.from('{"first":1,"\\\\":2}').toString("base64url")
  const authorization = `Bearer ${header}.e30.eHg`
  expect((await api.call("GET", "/api/v1/auth/me", undefined, { authorization })).status).toBe(401)
  await expectOthersKept()
})

async function expectOthersKept(): Promise<void> {
  const reply = await adjustWith("\\u00e9")
  expect(reply.status).toBe(200)
  const { rows } = await sql<{ details: string }>`
    SELECT details::text FROM ledger.events WHERE position = ${reply.body.data.position}::bigint`.execute(
    api.db,
  )
  expect(JSON.parse(rows[0]?.details ?? "")).toMatchObject({ metadata: { activity_id: { first: 1, é: 2 } } })
}

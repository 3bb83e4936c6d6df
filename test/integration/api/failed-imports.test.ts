import { sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { RunningImports } from "../../../api/imports/run-imports.ts"
import { readImportOf, readRefused, runTestImports, upload, whenEnded } from "../../support/import-fixture.ts"
import { seedApp, seedKey } from "../../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

let api: TestApi
let imports: RunningImports

beforeAll(async () => {
  api = await startTestApi()
  imports = runTestImports(api)
})
afterAll(async () => {
  await imports?.stop()
  await api?.close()
})

const abandon = (importId: string, apiKey = api.apiKey) =>
  api.call("POST", `/api/v1/imports/${importId}/abandon`, undefined, { authorization: `Bearer ${apiKey}` })
const countChunks = async () =>
  (await api.db.selectFrom("ledger.import_chunks").select("chunk").execute()).length
const openAlarms = (importId: string) =>
  api.db
    .selectFrom("registry.alarms")
    .select("kind")
    .where("subject", "=", importId)
    .where("cleared_at", "is", null)
    .execute()

/** Of three chunks; the second one is lost before anybody begins. */
async function failing(user: string): Promise<{ importId: string; file: string; lines: number }> {
  const lines = 14_000
  const line = `${user},POINT,+1,reward,lives at 7 Mill Lane\n`
  const file = `user_id,token_symbol,amount,reason_type,reason_detail\n${line.repeat(lines)}`
  await imports.stop()
  const importId = (await upload(api, file)).data?.import_id ?? ""
  expect(await countChunks()).toBe(3)
  await api.db.deleteFrom("ledger.import_chunks").where("chunk", "=", 1).execute()
  imports = runTestImports(api)
  expect(await whenEnded(api, importId)).toMatchObject({ state: "failed" })
  await waitUntil(async () => (await openAlarms(importId)).length === 1, { what: "the alarm is raised" })
  return { importId, file, lines }
}

test("an import that fails keeps nothing of the file; given up it raises no alarm any more, and sent again it goes on", async () => {
  const { importId, file, lines } = await failing("fail-ann")
  expect(await countChunks()).toBe(0)
  const { lines: done } = await readImportOf(api, importId)
  expect(done.applied).toBeGreaterThan(1_000)
  expect((await abandon(importId)).body.data).toMatchObject({ state: "abandoned", lines: done })
  expect(await openAlarms(importId)).toEqual([])
  expect((await abandon(importId)).status).toBe(200)
  const again = await upload(api, file)
  expect([again.data?.import_id, again.headers.get("idempotent-replayed")]).toEqual([importId, "true"])
  const ended = await whenEnded(api, importId)
  expect(ended).toMatchObject({ state: "finished", error: null, lines: { done: lines, applied: lines } })
  expect((await api.call("GET", "/api/v1/balance/fail-ann")).body.data.balances[0].pending_balance).toBe(
    String(lines),
  )
  expect(await countChunks()).toBe(0)
})

test("an import that has failed goes on when several send it again at the same moment", async () => {
  const { importId, file, lines } = await failing("fail-bob")
  const sent = await Promise.all(Array.from({ length: 3 }, () => upload(api, file)))
  expect(sent.map(({ data }) => data?.import_id)).toEqual([importId, importId, importId])
  expect(await whenEnded(api, importId)).toMatchObject({ state: "finished", lines: { applied: lines } })
  await waitUntil(async () => (await openAlarms(importId)).length === 0, { what: "the alarm is cleared" })
  const rows = await api.db.selectFrom("ledger.imports").select("state").execute()
  expect([await countChunks(), new Set(rows.map(({ state }) => state))]).toEqual([0, new Set(["finished"])])
})

test("only a failed import can be given up, by its own app, with a key that may write", async () => {
  const finished = (await upload(api, "user_id,balance\na,1", { query: "?token_symbol=POINT" })).data
    ?.import_id
  await whenEnded(api, finished ?? "")
  const { apiKey } = await seedApp(api.db)
  const reader = await seedKey(api.db, api.app, ["ledger:read"])
  const replies = [await abandon(finished ?? ""), await abandon(finished ?? "", apiKey)]
  replies.push(await abandon(finished ?? "", reader))
  expect(replies.map(({ status, body }) => [status, body.errors?.[0]?.code])).toEqual([
    [409, "IMPORT_NOT_FAILED"],
    [404, "UNKNOWN_IMPORT"],
    [403, "FORBIDDEN"],
  ])
  expect((await readImportOf(api, finished ?? "")).state).toBe("finished")
})

test("the list of refused lines ends where the import stood when they were counted", async () => {
  const refused = "u,POINT,+1,nonsense"
  const file = ["user_id,token_symbol,amount,reason_type", refused, refused, "u,POINT,+1,reward"].join("\n")
  const importId = (await upload(api, file)).data?.import_id ?? ""
  expect((await whenEnded(api, importId)).lines).toMatchObject({ applied: 1, refused: 2 })
  // As an import that is running writes one between the count and the list.
  await sql`
    INSERT INTO ledger.import_refusals (ledger_id, import_id, line, code, field, message)
    SELECT ledger_id, import_id, 5, code, field, message FROM ledger.import_refusals
    WHERE import_id = ${importId} LIMIT 1`.execute(api.db)
  const response = await fetch(`${api.server.url}/api/v1/imports/${importId}/refused`, {
    headers: { authorization: `Bearer ${api.apiKey}` },
  })
  expect(response.headers.get("x-refused-lines")).toBe("2")
  const listed = (await response.text()).trimEnd().split("\n")
  expect(listed.map((line) => JSON.parse(line))).toMatchObject([{ line: 2 }, { line: 3 }])
})

const personal = ["ann.doe@example.org", "4917012345678", "ann_doe", "+4917012345678"]

test("the list of refused lines says nothing that a line says, whatever column it stands in", async () => {
  const columns =
    "user_id,token_symbol,chain_id,amount,reason_type,reason_detail,metadata,operation_id,sequence"
  const right = ["u", "POINT", "31337", "-1", "reward", "", "", "key-1", "7"]
  const lines = right.flatMap((_, at) => personal.map((text) => right.with(at, text).join(",")))
  const metadata = personal.map((text) => right.with(6, `"{""${text}"":1}"`).join(","))
  const file = [columns, ...lines, ...metadata, ...personal].join("\n")
  const own = { operation_id: "ann.doe@example.org", sequence: 3, adjustments: [change()] }
  expect((await api.adjust(own)).status).toBe(200)
  const conflicting = `\n${right.with(7, "ann.doe@example.org").with(8, "3").with(3, "+2").join(",")}`
  const ended = await whenEnded(api, (await upload(api, file + conflicting)).data?.import_id ?? "")
  const refused = await readRefused(api, ended.import_id)
  expect(new Set(refused.map(({ code }) => code))).toEqual(
    new Set([
      ...["INVALID_FIELD", "INVALID_AMOUNT", "UNKNOWN_TOKEN", "UNKNOWN_REASON", "METADATA_NOT_ALLOWED"],
      ...["MALFORMED_JSON", "MALFORMED_CSV", "INSUFFICIENT_BALANCE", "IDEMPOTENCY_CONFLICT"],
    ]),
  )
  await expectNothingPersonal()
})

test("nor what stands for a name in NDJSON", async () => {
  const right = { user_id: "u", token_symbol: "POINT", amount: "+1", reason_type: "reward" }
  const lines = personal.flatMap((text) => [
    JSON.stringify({ ...right, [text]: 1 }),
    JSON.stringify({ ...right, [text]: "\u0000" }),
    JSON.stringify({ ...right, metadata: { [text]: "\u0000" } }),
    JSON.stringify({ ...right, metadata: { [text]: 2 ** 60 } }),
    `{"${text}":1,"${text}":2}`,
    JSON.stringify({ ...right, token_symbol: "USDT", chain_id: 4_917_012_345_678 }),
  ])
  const received = await upload(api, lines.join("\n"), { type: "application/x-ndjson" })
  const ended = await whenEnded(api, received.data?.import_id ?? "")
  expect(ended.lines.refused).toBe(lines.length)
  expect(new Set((await readRefused(api, ended.import_id)).map(({ code }) => code))).toEqual(
    new Set(["UNKNOWN_FIELD", "MALFORMED_TEXT", "INVALID_FIELD", "MALFORMED_JSON", "UNKNOWN_TOKEN"]),
  )
  await expectNothingPersonal()
})

const change = () => ({ user_id: "u", token_symbol: "POINT", amount: "+1", reason_type: "reward" })

async function expectNothingPersonal(): Promise<void> {
  const { rows } = await sql<{
    kept: string
  }>`SELECT row_to_json(r)::text AS kept FROM ledger.import_refusals r`.execute(api.db)
  expect(rows.length).toBeGreaterThan(0)
  for (const { kept } of rows) for (const text of personal) expect(kept).not.toContain(text.replace("+", ""))
}

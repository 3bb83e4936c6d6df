import { createHmac, hash } from "node:crypto"
import { sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { RunningImports } from "../../../api/imports/run-imports.ts"
import { canonicalJson } from "../../../api/validation/canonical-json.ts"
import { readIdentifierSalt } from "../../../ledger/store/read-identifier-salt.ts"
import { runTestImports, upload, whenEnded } from "../../support/import-fixture.ts"
import { seedApp } from "../../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
let imports: RunningImports
let salt: Buffer
beforeAll(async () => {
  api = await startTestApi()
  imports = runTestImports(api)
  salt = await readIdentifierSalt(api.db, api.app.ledgerId)
})
afterAll(async () => {
  await imports?.stop()
  await api?.close()
})

const words = { reason_detail: "diagnosis: flu" }
const change = { user_id: "pat", token_symbol: "CPOP", amount: "+5", reason_type: "reward", ...words }

/** What the log and the table of operations keep of the request. */
async function hashesOf(operationId: string): Promise<string[]> {
  const { rows } = await sql<{ hash: string }>`
    SELECT data->>'request_hash' AS hash FROM ledger.event_log
    WHERE operation_id = ${operationId} AND data->>'request_hash' IS NOT NULL
    UNION ALL SELECT encode(request_hash, 'hex') FROM ledger.operations WHERE operation_id = ${operationId}`.execute(
    api.db,
  )
  return rows.map((row) => row.hash)
}

test("what the log keeps of a request does not tell who guesses right what its words were", async () => {
  const reply = await api.adjust({ operation_id: "adjust", adjustments: [change] })
  const file = await upload(api, JSON.stringify(change), { type: "application/x-ndjson" })
  await whenEnded(api, file.data?.import_id ?? "")
  const held = await api.call("POST", "/api/v1/balance/holds", {
    ...change,
    amount: "1",
    operation_id: "hold",
  })
  const { hold_id: holdId } = held.body.data
  const captureRoute = "/balance/holds/{hold_id}/capture"
  const capture = { operation_id: "capture", ...words }
  await api.call("POST", `/api/v1/balance/holds/${holdId}/capture`, capture)
  const reverse = { operation_id: "reverse", ...words }
  const { tx_id: txId } = reply.body.data.transactions[0]
  await api.call("POST", `/api/v1/adjustments/${txId}/reverse`, reverse)
  await api.call("POST", "/api/v1/admin/redactions", { user_id: "pat", reason: "request 4711" })

  const said: Record<string, object> = {
    adjust: { route: "/balance/adjust", priority: "normal", batch_id: null, adjustments: [change] },
    hold: { route: "/balance/holds", ...change, amount: "1", priority: "normal" },
    capture: { route: captureRoute, hold_id: holdId, ...words },
    reverse: { route: "/adjustments/{tx_id}/reverse", tx_id: txId, ...words },
    [file.data?.operation_id ?? ""]: { route: "/imports", line: change },
  }
  for (const [operationId, request] of Object.entries(said)) {
    const text = canonicalJson(request)
    const keyed = createHmac("sha256", salt).update(text).digest("hex")
    expect([operationId, ...(await hashesOf(operationId))]).toEqual([operationId, keyed, keyed])
    expect(keyed).not.toBe(hash("sha256", text))
  }
  // The log names the import of a file of one line, too.
  const named = `${canonicalJson({ format: "ndjson", defaults: {} })}\n${JSON.stringify(change)}`
  expect(file.data?.operation_id).not.toBe(`import_${hash("sha256", named).slice(0, 32)}`)
  const keyed = createHmac("sha256", salt).update(named).digest("hex")
  expect(file.data?.operation_id).toBe(`import_${keyed.slice(0, 32)}`)
})

test("the same request has another hash in another ledger, and no answer or export has the key", async () => {
  const { apiKey } = await seedApp(api.db)
  const body = { operation_id: "twice", adjustments: [change] }
  const first = await api.adjust(body)
  const other = await api.adjust(body, { authorization: `Bearer ${apiKey}` })
  expect([first.status, other.status]).toEqual([200, 200])
  expect(new Set(await hashesOf("twice")).size).toBe(2)
  expect((await api.adjust(body)).headers.get("idempotent-replayed")).toBe("true")
  const log = await fetch(`${api.server.url}/api/v1/audit/events`, {
    headers: { authorization: `Bearer ${api.apiKey}` },
  })
  const text = (await log.text()) + JSON.stringify((await api.call("GET", "/api/v1/wallet/pat")).body)
  expect(text).toContain("request_hash")
  for (const form of [salt.toString("hex"), salt.toString("base64")]) expect(text).not.toContain(form)
})

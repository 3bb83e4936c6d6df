import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type ApiReply, startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

const call = (method: string, path: string, body?: object, headers?: Record<string, string>) =>
  api.call(method, `/api/v1/admin/${path}`, body, headers)

async function read(path: string) {
  const { status, body } = await call("GET", path)
  expect([status, body.errors]).toEqual([200, undefined])
  return body.data
}

async function change(path: string, changes: object, more: object = {}): Promise<ApiReply> {
  const expected_version = (await call("GET", path)).body.data?.version ?? 1
  return call("PATCH", path, { expected_version, reason: "a test", changes, ...more })
}

const errorsOf = ({ status, body }: ApiReply) => [status, body.errors]

/** Whether what is in force is what the newest version says, for every entry of every kind. */
async function expectAgreement(): Promise<void> {
  const { rows } = await sql<{ differing: bigint }>`
    WITH current AS (
      SELECT 'chain' AS kind, chain_id::text AS entry_id, registry.document_of(e) AS document FROM registry.chains e
      UNION ALL SELECT 'token', chain_id || ':' || symbol, registry.document_of(e) FROM registry.tokens e
      UNION ALL SELECT 'strategy', chain_id || ':' || symbol, strategy FROM registry.tokens e
      UNION ALL SELECT 'reason', reason_type, registry.document_of(e) FROM registry.reasons e
      UNION ALL SELECT 'rate_limit', key_id::text, registry.document_of(e) FROM registry.key_rate_limits e),
    newest AS (SELECT DISTINCT ON (kind, entry_id) kind, entry_id, document FROM registry.versions ORDER BY kind, entry_id, version DESC)
    SELECT count(*) AS differing FROM current FULL JOIN newest USING (kind, entry_id)
    WHERE current.document IS DISTINCT FROM newest.document`.execute(api.db)
  expect(rows).toEqual([{ differing: 0n }])
}

describe("what the registry holds", () => {
  it("is listed with its version, kind by kind, without where chains are reached", async () => {
    expect((await read("chains")).entries).toMatchObject([
      { id: "31337", version: 1, document: { name: "local", confirmation_blocks: 2 } },
      { id: "31338" },
    ])
    expect((await read("tokens")).entries.map(({ id }: { id: string }) => id)).toContain("31337:CPOP")
    expect((await read("strategies/31337:CPOP")).document).toMatchObject({ optimal_batch_size: 25 })
    expect((await read("reasons/reward")).document).toMatchObject({ priority: "normal", is_retired: false })
    expect(JSON.stringify(await read("chains"))).not.toMatch(/rpc|http:/i)
  })

  it("is not there under another name", async () => {
    for (const path of [
      "chains/1",
      "tokens/31337:NONE",
      "strategies/x",
      "reasons/none",
      "reasons/none/versions",
    ])
      expect(errorsOf(await call("GET", path))).toMatchObject([404, [{ code: "UNKNOWN_ENTRY" }]])
    expect(errorsOf(await call("GET", "reasons/reward/versions/1/diff/9"))).toMatchObject([
      404,
      [{ code: "UNKNOWN_VERSION", field: "to_version" }],
    ])
  })
})

describe("a change", () => {
  it("is a version with its author, its reason and both documents, and takes effect at once", async () => {
    const changed = await change("reasons/gas_fee", { priority: "urgent", allowed_metadata: ["tx_id"] })
    expect(changed.body.data).toMatchObject({
      entry: { id: "gas_fee", version: 2, document: { priority: "urgent" } },
      changes: [
        { field: "allowed_metadata", before: ["tx_id", "gas_cost_usd"], after: ["tx_id"] },
        { field: "priority", before: "high", after: "urgent" },
      ],
      is_dry_run: false,
    })
    const { versions } = await read("reasons/gas_fee/versions")
    expect(versions).toMatchObject([
      {
        version: 2,
        actor: expect.stringMatching(/^key:/),
        reason: "a test",
        before: { priority: "high" },
        after: { priority: "urgent" },
      },
      { version: 1, before: null },
    ])
    expect((await read("reasons/gas_fee/versions/2/diff/1")).changes).toMatchObject([
      { field: "allowed_metadata" },
      { field: "priority", before: "urgent", after: "high" },
    ])
    const reasons = (await api.call("GET", "/api/v1/reasons")).body.data.reasons
    expect(reasons).toContainEqual(expect.objectContaining({ reason_type: "gas_fee", priority: "urgent" }))
    await expectAgreement()
  })
})

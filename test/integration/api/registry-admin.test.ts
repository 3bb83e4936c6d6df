import { randomUUID } from "node:crypto"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { editableKinds } from "../../../ledger/registry/editable-kinds.ts"
import { errorsOf, newReason, type RegistryApi, startRegistryApi } from "../../support/registry-api.ts"

let registry: RegistryApi
beforeAll(async () => {
  registry = await startRegistryApi()
})
afterAll(() => registry.close())

const call: RegistryApi["call"] = (...request) => registry.call(...request)
const read = (path: string) => registry.read(path)
const change = (path: string, changes: object) => registry.change(path, changes)
const expectAgreement = () => registry.expectAgreement()

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
        request_id: expect.any(String),
        before: { priority: "high" },
        after: { priority: "urgent" },
      },
      { version: 1, before: null },
    ])
    expect((await read("reasons/gas_fee/versions/2/diff/1")).changes).toMatchObject([
      { field: "allowed_metadata" },
      { field: "priority", before: "urgent", after: "high" },
    ])
    const reasons = (await registry.api.call("GET", "/api/v1/reasons")).body.data.reasons
    expect(reasons).toContainEqual(expect.objectContaining({ reason_type: "gas_fee", priority: "urgent" }))
    await expectAgreement()
  })

  it("of one field leaves those beside it, also inside", async () => {
    const before = (await read("strategies/31337:CPOP")).document
    const changed = await change("strategies/31337:CPOP", { congestion: { window_blocks: 30 } })
    expect(changed.body.data.changes).toEqual([{ field: "congestion.window_blocks", before: 20, after: 30 }])
    expect((await read("strategies/31337:CPOP")).document).toEqual({
      ...before,
      congestion: { ...before.congestion, window_blocks: 30 },
    })
    await expectAgreement()
  })

  it("of nothing is no version", async () => {
    const { version, document } = await read("tokens/31337:CPOP")
    const changed = await change("tokens/31337:CPOP", { name: document.name, decimals: 18 })
    expect(changed.body.data).toMatchObject({ changes: [], entry: { version } })
  })

  it("that is only tried shows what would be, and is not there", async () => {
    const before = await read("strategies/31337:GOLD")
    const body = { expected_version: before.version, reason: "x", changes: { max_batch_size: 77 } }
    const tried = await call("PATCH", "strategies/31337:GOLD?dry_run=true", body)
    expect(tried.body.data).toMatchObject({
      is_dry_run: true,
      changes: [{ field: "max_batch_size", after: 77 }],
      entry: { version: before.version + 1 },
    })
    expect(await read("strategies/31337:GOLD")).toEqual(before)
    expect(
      errorsOf(
        await call("PATCH", "strategies/31337:GOLD?dry_run=true", {
          ...body,
          changes: { max_batch_size: 0 },
        }),
      ),
    ).toMatchObject([422, [{ field: "changes.max_batch_size" }, { field: "changes.optimal_batch_size" }]])
  })

  it("by two who have seen the same version is made by one of them; the other is told by whom", async () => {
    const { version } = await read("reasons/refund")
    const send = (priority: string) =>
      call("PATCH", "reasons/refund", { expected_version: version, reason: "x", changes: { priority } })
    const both = await Promise.all([send("urgent"), send("low")])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
    expect(both.find(({ status }) => status === 409)?.body.errors).toMatchObject([
      {
        field: "expected_version",
        code: "VERSION_CONFLICT",
        message: expect.stringMatching(
          /^it is at version 2, changed by key:\S+ at \S+, and not at 1; read it again/,
        ),
      },
    ])
    expect((await read("reasons/refund/versions")).versions).toHaveLength(2)
  })
})

describe("a change is refused, with its field and what is allowed:", () => {
  it.each<[string, string, object, object[]]>([
    [
      "a size that is too large",
      "strategies/31337:CPOP",
      { max_batch_size: 900 },
      [{ field: "changes.max_batch_size", code: "INVALID_FIELD", message: "is 900; allowed: at most 500" }],
    ],
    [
      "sizes that contradict each other",
      "strategies/31337:CPOP",
      { optimal_batch_size: 30, min_batch_size: 31 },
      [{ field: "changes.min_batch_size", message: "is 31; allowed: at most optimal_batch_size" }],
    ],
    [
      "a reason that is not registered",
      "strategies/31337:CPOP",
      { priority_reasons: ["refund", "vanity"] },
      [{ field: "changes.priority_reasons", message: 'has "vanity"; allowed: a registered reason' }],
    ],
    [
      "more decimals than the token has",
      "strategies/31337:POINT",
      { value_threshold: "0.5" },
      [{ field: "changes.value_threshold" }],
    ],
    [
      "no amount",
      "strategies/31337:CPOP",
      { value_threshold: "1e9" },
      [
        {
          field: "changes.value_threshold",
          message: expect.stringContaining("a decimal amount in token units"),
        },
      ],
    ],
    [
      "a field that there is not",
      "reasons/reward",
      { prioritty: "high" },
      [{ field: "changes.prioritty", code: "UNKNOWN_FIELD" }],
    ],
    [
      "a field inside that there is not",
      "strategies/31337:CPOP",
      { congestion: { blocks: 1 } },
      [{ field: "changes.congestion.blocks", code: "UNKNOWN_FIELD" }],
    ],
    [
      "an unknown priority",
      "reasons/reward",
      { priority: "now" },
      [{ field: "changes.priority", message: 'is "now"; allowed: "low", "normal", "high", "urgent"' }],
    ],
    [
      "what a token is for ever",
      "tokens/31337:CPOP",
      { token_address: `0x${"1".repeat(40)}`, decimals: 6, chain_id: 1 },
      ["token_address", "decimals", "chain_id"].map((field) => ({
        field: `changes.${field}`,
        code: "FIELD_IS_FIXED",
      })),
    ],
    [
      "what a chain is for ever",
      "chains/31337",
      { chain_id: 1, genesis_hash: "0x", wallet_manager: "0x" },
      ["chain_id", "genesis_hash", "wallet_manager"].map((field) => ({
        field: `changes.${field}`,
        code: "FIELD_IS_FIXED",
      })),
    ],
    [
      "a second default of a symbol",
      "tokens/31338:GOLD",
      { is_default: true },
      [
        {
          field: "changes.is_default",
          message: "is true; allowed: false, as long as 31337:GOLD is the default",
        },
      ],
    ],
    [
      "another chain's name",
      "chains/31338",
      { name: "local" },
      [{ field: "changes.name", message: expect.stringContaining("chain 31337 has this one") }],
    ],
    [
      "an explorer that is no web page",
      "chains/31337",
      { explorer_url: "javascript:alert(1)" },
      [{ field: "changes.explorer_url", message: expect.stringContaining("http:// or https://") }],
    ],
    [
      "a threshold that is no whole number",
      "tokens/31337:CPOP",
      { drift_threshold: "1.5" },
      [{ field: "changes.drift_threshold" }],
    ],
    ["nothing at all", "reasons/reward", {}, [{ field: "changes", message: "name at least one field" }]],
  ])("%s", async (_, path, changes, expected) => {
    const before = await read(path)
    expect(errorsOf(await change(path, changes))).toMatchObject([422, expected])
    expect(await read(path)).toEqual(before)
  })

  it("no reason, no version that was seen", async () => {
    const body = { expected_version: 1, reason: "x", changes: { priority: "low" } }
    for (const left of ["expected_version", "reason"] as const) {
      const { [left]: _, ...rest } = body
      expect(errorsOf(await call("PATCH", "reasons/reward", rest))).toMatchObject([422, [{ field: left }]])
    }
    expect(errorsOf(await call("PATCH", "reasons/none", body))).toMatchObject([
      404,
      [{ code: "UNKNOWN_ENTRY" }],
    ])
  })
})

describe("an address that names nothing", () => {
  it.each([
    ["reasons/%00", 400, "MALFORMED_TEXT"],
    ["tokens/31337:%00", 400, "MALFORMED_TEXT"],
    [
      `reasons/gas_fee/versions?cursor=${Buffer.from("versions:99999999999").toString("base64url")}`,
      200,
      undefined,
    ],
  ])("%s is answered with %i", async (path, status, code) => {
    const reply = await call("GET", path)
    expect([reply.status, reply.body.errors?.[0]?.code]).toEqual([status, code])
  })
})

describe("whoever edits an entry", () => {
  it("keeps nobody waiting who only refers to it: a new account is opened meanwhile", async () => {
    await registry.api.db.transaction().execute(async (trx) => {
      for (const [kind, id] of [
        ["token", "31337:CPOP"],
        ["chain", "31337"],
        ["reason", "reward"],
      ] as const)
        await editableKinds[kind].lock(trx, id)
      // Its account names the token; the write ends before the edit does.
      await registry.api.fund(`user_${randomUUID()}`, "1")
    })
  })
})

describe("a roll-back", () => {
  it("is a new version with the document of an earlier one, and says so", async () => {
    const { version } = await read("strategies/31337:USDT")
    await change("strategies/31337:USDT", { optimal_batch_size: 22, priority_reasons: [] })
    await change("strategies/31337:USDT", { max_wait_time_ms: 5_000 })
    const body = { version, expected_version: version + 2, reason: "it was better" }
    const tried = await call("POST", "strategies/31337:USDT/rollback?dry_run=true", body)
    const rolled = await call("POST", "strategies/31337:USDT/rollback", body)
    expect(rolled.body.data.changes).toEqual(tried.body.data.changes)
    expect(rolled.body.data.entry).toMatchObject({
      version: version + 3,
      last_change: { rolled_back_to: version, reason: "it was better" },
    })
    const { versions } = await read("strategies/31337:USDT/versions")
    expect(versions[0].after).toEqual(versions[3].after)
    await expectAgreement()
  })

  it("is validated as any change is", async () => {
    expect(
      (await call("POST", "reasons", { reason_type: "fleeting", reason: "x", document: newReason })).status,
    ).toBe(200)
    await change("strategies/31337:POINT", { priority_reasons: ["fleeting"] })
    // What it named is gone, as it may be where somebody works on the database itself.
    await sql`ALTER TABLE registry.reasons DISABLE TRIGGER keep_reason`.execute(registry.owner)
    await change("strategies/31337:POINT", { priority_reasons: [] })
    await sql`DELETE FROM registry.reasons WHERE reason_type = 'fleeting'`.execute(registry.owner)
    await sql`ALTER TABLE registry.reasons ENABLE TRIGGER keep_reason`.execute(registry.owner)
    const { version } = await read("strategies/31337:POINT")
    const body = { version: version - 1, expected_version: version, reason: "x" }
    expect(errorsOf(await call("POST", "strategies/31337:POINT/rollback", body))).toMatchObject([
      422,
      [{ field: "priority_reasons", message: 'has "fleeting"; allowed: a registered reason' }],
    ])
    expect(
      errorsOf(await call("POST", "strategies/31337:POINT/rollback", { ...body, version: 99 })),
    ).toMatchObject([404, [{ code: "UNKNOWN_VERSION" }]])
    await expectAgreement()
  })
})

describe("the database", () => {
  it("keeps a version of whatever is changed by a statement, with the login that did it", async () => {
    const { version } = await read("tokens/31337:POINT")
    await registry.api.db
      .updateTable("registry.tokens")
      .set({ name: "Renamed by hand" })
      .where("token_id", "=", registry.api.tokens.point.tokenId)
      .execute()
    expect(await read("tokens/31337:POINT")).toMatchObject({
      version: version + 1,
      document: { name: "Renamed by hand" },
      last_change: { actor: expect.stringMatching(/^database:/), reason: null },
    })
    const { rows } = await sql<{ n: bigint }>`
      SELECT count(*) AS n FROM registry.audit_log WHERE subject = 'token:31337:POINT' AND actor LIKE 'database:%'
        AND action = 'token.changed'`.execute(registry.api.db)
    expect(rows).toEqual([{ n: 1n }])
    await expectAgreement()
  })

  it("takes no change and no removal of a version, and none that a trigger did not write", async () => {
    for (const db of [registry.api.db, registry.owner])
      for (const statement of [
        sql`UPDATE registry.versions SET actor = 'person:x'`,
        sql`DELETE FROM registry.versions WHERE false`,
        sql`TRUNCATE registry.versions`,
      ])
        await expect(statement.execute(db)).rejects.toThrow(/append-only|permission denied/)
    const forged = sql`INSERT INTO registry.versions (kind, entry_id, version, actor) VALUES ('reason', 'reward', 99, 'person:x')`
    await expect(forged.execute(registry.api.db)).rejects.toThrow(/permission denied/)
    const called = sql`SELECT registry.keep_version('reason', 'reward', '{}'::jsonb)`
    await expect(called.execute(registry.api.db)).rejects.toThrow(/permission denied/)
  })

  it("has a token, a chain and a reason be what they are, whoever asks otherwise", async () => {
    for (const statement of [
      sql`UPDATE registry.tokens SET decimals = 6 WHERE symbol = 'CPOP'`,
      sql`UPDATE registry.tokens SET token_address = ${`0x${"1".repeat(40)}`} WHERE symbol = 'CPOP'`,
      sql`UPDATE registry.tokens SET symbol = 'COP' WHERE symbol = 'CPOP'`,
      sql`UPDATE registry.chains SET genesis_hash = ${`0x${"2".repeat(64)}`} WHERE chain_id = 31338`,
      sql`UPDATE registry.chains SET wallet_manager = ${`0x${"4".repeat(40)}`} WHERE chain_id = 31338`,
      sql`UPDATE registry.reasons SET reason_type = 'other' WHERE reason_type = 'mint'`,
      sql`DELETE FROM registry.reasons WHERE reason_type = 'mint'`,
    ])
      await expect(statement.execute(registry.owner)).rejects.toThrow(/fixed/)
  })
})

import { createHash } from "node:crypto"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { defaultApiLimits } from "../../../api/limits.ts"
import { seedKey } from "../../support/seed-registry.ts"
import { type ApiReply, startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi({ limits: { bodyBytesMax: 200_000 } })
})
afterAll(() => api.close())

const item = (more: object = {}) => ({
  user_id: "ann",
  token_symbol: "CPOP",
  amount: "+1",
  reason_type: "reward",
  ...more,
})
const adjustOne = (more: object) => api.adjust({ adjustments: [item(more)] })
const text = (body: unknown): string => JSON.stringify(body)

function expectRefusal(reply: ApiReply, status: number, code: string, field?: string | null): void {
  expect(reply.body).toMatchObject({
    code: status,
    message: expect.any(String),
    request_id: expect.stringMatching(/^req_/),
    errors: [{ code, message: expect.any(String), ...(field === undefined ? {} : { field }) }],
  })
  expect(reply.status).toBe(status)
  expect(JSON.stringify(reply.body)).not.toMatch(/\bat .*\.ts|node_modules|stack/)
}

describe("an amount", () => {
  it.each([
    ["a JSON number", 12.5],
    ["an exponent", "+1e3"],
    ["NaN", "NaN"],
    ["no sign", "5"],
    ["zero", "+0"],
    ["a negative zero", "-0.000"],
    ["spaces", "+ 5"],
    ["a comma", "+1,5"],
    ["nothing", ""],
    ["too many digits", `+${"9".repeat(60)}`],
    ["more decimals than the token has", "+0.0000000000000000001"],
    ["null", null],
  ])("is refused when it is %s", async (_, amount) => {
    expectRefusal(await adjustOne({ amount }), 422, "INVALID_AMOUNT", "adjustments[0].amount")
  })

  it("may have zeros at the end that the token has no decimals for", async () => {
    const reply = await adjustOne({ amount: "+1000.0", token_symbol: "POINT" })
    expect(reply.body.data.transactions[0].amount).toBe("+1000")
    expectRefusal(await adjustOne({ amount: "+1.5", token_symbol: "POINT" }), 422, "INVALID_AMOUNT")
  })

  it("says what to do", async () => {
    const reply = await adjustOne({ amount: 5 })
    expect(reply.body.errors?.[0]?.message).toContain('decimal string, for example "+12.5"')
  })
})

describe("what the registry does not know", () => {
  it("refuses an unknown token", async () =>
    expectRefusal(
      await adjustOne({ token_symbol: "NOPE" }),
      422,
      "UNKNOWN_TOKEN",
      "adjustments[0].token_symbol",
    ))

  it("names the chains that have the symbol", async () => {
    const reply = await adjustOne({ chain_id: 1 })
    expectRefusal(reply, 422, "UNKNOWN_TOKEN", "adjustments[0].chain_id")
    expect(reply.body.errors?.[0]?.message).toContain("31337")
  })

  it("refuses a symbol of several chains without a default, and takes the default where there is one", async () => {
    expectRefusal(await adjustOne({ token_symbol: "USDT" }), 422, "AMBIGUOUS_TOKEN")
    expect((await adjustOne({ token_symbol: "USDT", chain_id: 31_338 })).status).toBe(200)
    expect((await adjustOne({ token_symbol: "GOLD", user_id: "gold-digger" })).status).toBe(200)
    const { body } = await api.call("GET", "/api/v1/balance/gold-digger")
    expect(body.data.balances).toEqual([expect.objectContaining({ token_symbol: "GOLD", chain_id: 31_337 })])
  })

  it("refuses an unknown reason and metadata that the reason does not take, by name", async () => {
    expectRefusal(
      await adjustOne({ reason_type: "whim" }),
      422,
      "UNKNOWN_REASON",
      "adjustments[0].reason_type",
    )
    expectRefusal(
      await adjustOne({ metadata: { activity_id: "a", colour: "red" } }),
      422,
      "METADATA_NOT_ALLOWED",
      "adjustments[0].metadata.colour",
    )
  })

  it("lists all that is wrong at once, and records nothing", async () => {
    const reply = await api.adjust({
      operation_id: "all-wrong",
      adjustments: [item(), item({ token_symbol: "NOPE" }), item({ reason_type: "whim", amount: "5" })],
    })
    expect(reply.body.errors?.map((error) => [error.field, error.code])).toEqual([
      ["adjustments[1].token_symbol", "UNKNOWN_TOKEN"],
      ["adjustments[2].reason_type", "UNKNOWN_REASON"],
      ["adjustments[2].amount", "INVALID_AMOUNT"],
    ])
    expect((await api.call("GET", "/api/v1/operations/all-wrong")).status).toBe(404)
  })
})

describe("a body", () => {
  it("is refused when it is not JSON", async () => {
    for (const body of ["", "{", "[1,", "{'a':1}", "NaN", '{"a":1}}'])
      expectRefusal(await api.adjust(body as never), 400, "MALFORMED_JSON", null)
  })

  it("is refused when it is another kind of JSON", async () => {
    for (const body of ["null", "[]", '"text"', "5", "true"])
      expectRefusal(await api.adjust(body as never), 422, "INVALID_FIELD", null)
  })

  it("is refused when it names a field twice, also with escapes", async () => {
    const body = text({ adjustments: [item()] })
    for (const name of ["amount", "\\u0061mount"]) {
      const reply = await api.adjust(body.replace('{"user_id"', `{"${name}":"+1000","user_id"`) as never)
      expectRefusal(reply, 400, "MALFORMED_JSON", null)
      expect(reply.body.errors?.[0]?.message).toContain(`"amount"`)
    }
  })

  it("does not quote the body in the answer", async () => {
    const reply = await api.adjust('{"secret": "do-not-show", oops' as never)
    expect(JSON.stringify(reply.body)).not.toContain("do-not-show")
  })

  it("is refused with another content type, charset or encoding", async () => {
    const body = text({ adjustments: [item()] })
    for (const headers of [
      { "content-type": "text/plain" },
      { "content-type": "application/x-www-form-urlencoded" },
      { "content-type": "application/json; charset=latin1" },
      { "content-type": "application/jsonp" },
      { "content-encoding": "gzip" },
    ])
      expectRefusal(await api.adjust(body as never, headers), 415, "UNSUPPORTED_MEDIA_TYPE")
    expect(
      (await api.adjust(body as never, { "content-type": "application/json; charset=UTF-8" })).status,
    ).toBe(200)
  })

  it("is refused when it is too large, also when nobody says how large it is", async () => {
    const big = text({ adjustments: [item({ reason_detail: "x".repeat(300_000) })] })
    expectRefusal(await api.adjust(big as never), 413, "PAYLOAD_TOO_LARGE", null)
    const response = await fetch(`${api.server.url}/api/v1/balance/adjust`, {
      method: "POST",
      headers: { authorization: `Bearer ${api.apiKey}`, "content-type": "application/json" },
      body: new Blob([big]).stream(),
      duplex: "half",
    } as RequestInit)
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ errors: [{ code: "PAYLOAD_TOO_LARGE" }] })
  })

  it("is refused when it is nested too deeply", async () => {
    const deep = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`
    expectRefusal(await api.adjust(deep as never), 400, "BODY_TOO_DEEP")
    const metadata = JSON.parse(`${'{"activity_id":'.repeat(40)}1${"}".repeat(40)}`) as object
    expectRefusal(await adjustOne({ metadata }), 400, "BODY_TOO_DEEP")
  })

  it("is refused with a NUL byte, a lone surrogate or bytes that are no UTF-8", async () => {
    expectRefusal(await adjustOne({ user_id: "a\u0000b" }), 400, "MALFORMED_TEXT", "adjustments[0].user_id")
    expectRefusal(await adjustOne({ metadata: { activity_id: "\ud800" } }), 400, "MALFORMED_TEXT")
    expectRefusal(await adjustOne({ metadata: { "\udfff": "x" } }), 400, "MALFORMED_TEXT")
    const bytes = Buffer.from(text({ adjustments: [item({ user_id: "@" })] }))
    bytes[bytes.indexOf("@")] = 0xff
    const response = await fetch(`${api.server.url}/api/v1/balance/adjust`, {
      method: "POST",
      headers: { authorization: `Bearer ${api.apiKey}`, "content-type": "application/json" },
      body: bytes,
    })
    expect(await response.json()).toMatchObject({ code: 400, errors: [{ code: "MALFORMED_TEXT" }] })
  })

  it("is refused with an unknown field, by name", async () => {
    expectRefusal(await api.adjust({ adjustments: [item()], dry_run: true }), 422, "UNKNOWN_FIELD", "dry_run")
    expectRefusal(await adjustOne({ colour: "red" }), 422, "UNKNOWN_FIELD", "adjustments[0].colour")
    const sneaky = text({ adjustments: [item({ metadata: {} })] }).replace(
      '"metadata":{}',
      '"metadata":{"__proto__":{"a":1}}',
    )
    expectRefusal(
      await api.adjust(sneaky as never),
      422,
      "UNKNOWN_FIELD",
      "adjustments[0].metadata.__proto__",
    )
  })

  it("is refused with a number that would lose digits", async () =>
    expectRefusal(
      await api.adjust(
        text({ adjustments: [item({ metadata: { activity_id: 0 } })] }).replace(
          '"activity_id":0',
          '"activity_id":12345678901234567890',
        ) as never,
      ),
      422,
      "INVALID_FIELD",
    ))

  it.each([
    [{ adjustments: [] }, "adjustments"],
    [{}, "adjustments"],
    [{ adjustments: [item({ user_id: "" })] }, "adjustments[0].user_id"],
    [{ adjustments: [item({ user_id: "a b" })] }, "adjustments[0].user_id"],
    [{ adjustments: [item({ user_id: "x".repeat(129) })] }, "adjustments[0].user_id"],
    [{ adjustments: [item({ user_id: "." })] }, "adjustments[0].user_id"],
    [{ adjustments: [item({ user_id: ".." })] }, "adjustments[0].user_id"],
    [{ adjustments: [item()], operation_id: "." }, "operation_id"],
    [{ adjustments: [item()], operation_id: ".." }, "operation_id"],
    [{ adjustments: [item()], operation_id: "x".repeat(129) }, "operation_id"],
    [{ adjustments: [item()], operation_id: " x" }, "operation_id"],
    [{ adjustments: [item()], operation_id: "x", sequence: -1 }, "sequence"],
    [{ adjustments: [item()], operation_id: "x", sequence: 1.5 }, "sequence"],
    [{ adjustments: [item()], operation_id: "x", sequence: 2 ** 31 }, "sequence"],
    [{ adjustments: [item()], sequence: 1 }, "sequence"],
    [{ adjustments: [item()], priority: "asap" }, "priority"],
    [{ adjustments: [item({ reason_detail: "x".repeat(501) })] }, "adjustments[0].reason_detail"],
    [{ adjustments: [item({ metadata: { activity_id: "x".repeat(5_000) } })] }, "adjustments[0].metadata"],
    [{ adjustments: [item({ chain_id: "31337" })] }, "adjustments[0].chain_id"],
  ])("is refused with a field outside its domain: %#", async (body, field) =>
    expectRefusal(await api.adjust(body), 422, "INVALID_FIELD", field),
  )
})

describe("a key", () => {
  const balance = "/api/v1/balance/ann"
  it("is needed", async () => {
    const response = await fetch(`${api.server.url}${balance}`)
    expect(response.status).toBe(401)
    expect(response.headers.get("www-authenticate")).toContain("Bearer")
    expect(await response.json()).toMatchObject({ errors: [{ code: "UNAUTHENTICATED" }] })
  })

  it("may come as X-API-Key, and is refused when it is wrong", async () => {
    const headers = { "x-api-key": api.apiKey }
    expect((await fetch(`${api.server.url}/api/v1/reasons`, { headers })).status).toBe(200)
    for (const authorization of [
      "Bearer cb_wrong",
      "Basic abc",
      "Bearer",
      "cb_wrong",
      `Bearer ${"x".repeat(5_000)}`,
    ])
      expectRefusal(await api.call("GET", balance, undefined, { authorization }), 401, "UNAUTHENTICATED")
    expectRefusal(
      await api.call("GET", balance, undefined, { "x-api-key": "cb_other" }),
      401,
      "UNAUTHENTICATED",
    )
    expectRefusal(
      await api.call("GET", "/api/v1/health", undefined, { authorization: "Bearer cb_wrong" }),
      401,
      "UNAUTHENTICATED",
    )
  })

  it("is refused without the scope, before the body is looked at", async () => {
    const reader = await seedKey(api.db, api.app, ["ledger:read"])
    const authorization = `Bearer ${reader}`
    expectRefusal(await api.adjust("{" as never, { authorization }), 403, "FORBIDDEN")
    expectRefusal(await api.call("POST", "/api/v1/batches/flush", {}, { authorization }), 403, "FORBIDDEN")
    expectRefusal(
      await api.call("POST", "/api/v1/reconciliation/run", {}, { authorization }),
      403,
      "FORBIDDEN",
    )
    expectRefusal(
      await api.call("GET", "/api/v1/audit/events", undefined, { authorization }),
      403,
      "FORBIDDEN",
    )
    expect((await api.call("GET", "/api/v1/tokens", undefined, { authorization })).status).toBe(200)
  })

  it("stops working within two seconds of its revocation, and when it expires", async () => {
    const authorization = `Bearer ${await seedKey(api.db, api.app, ["ledger:read"])}`
    const hash = createHash("sha256").update(authorization.slice(7)).digest()
    const status = async () => (await api.call("GET", "/api/v1/tokens", undefined, { authorization })).status
    expect(await status()).toBe(200)
    await sql`UPDATE registry.api_keys SET revoked_at = now() WHERE key_hash = ${hash}`.execute(api.db)
    expect(defaultApiLimits.keyMaxAgeMs).toBeLessThanOrEqual(2_000)
    await expect.poll(status, { timeout: 20_000, interval: 100 }).toBe(401)

    const short = `Bearer ${await seedKey(api.db, api.app, ["ledger:read"])}`
    await sql`UPDATE registry.api_keys SET expires_at = now() - interval '1 second'
      WHERE key_hash = ${createHash("sha256").update(short.slice(7)).digest()}`.execute(api.db)
    expectRefusal(
      await api.call("GET", "/api/v1/tokens", undefined, { authorization: short }),
      401,
      "UNAUTHENTICATED",
    )
  })
})

describe("an address", () => {
  it("that does not exist is 404 in the envelope, with another method 405", async () => {
    expectRefusal(await api.call("GET", "/api/v1/nothing"), 404, "NOT_FOUND")
    expectRefusal(await api.call("GET", "/nothing"), 404, "NOT_FOUND")
    const reply = await api.call("DELETE", "/api/v1/balance/ann")
    expectRefusal(reply, 405, "METHOD_NOT_ALLOWED")
    expect(reply.headers.get("allow")).toBe("GET, HEAD")
  })

  it.each([
    ["/api/v1/balance/ann?colour=red", "UNKNOWN_PARAMETER", "colour"],
    ["/api/v1/balance/ann?token_symbol=A&token_symbol=B", "INVALID_PARAMETER", "token_symbol"],
    ["/api/v1/balance/ann?realtime=yes", "INVALID_PARAMETER", "realtime"],
    ["/api/v1/balance/ann?chain_id=0x1", "INVALID_PARAMETER", "chain_id"],
    ["/api/v1/balance/ann?fields=balances.nothing", "INVALID_PARAMETER", "fields"],
    ["/api/v1/balance/ann?fields=__proto__", "INVALID_PARAMETER", "fields"],
    ["/api/v1/balance/a%00b", "MALFORMED_TEXT", null],
    ["/api/v1/balance/ann?token_symbol=a%00b", "MALFORMED_TEXT", null],
    ["/api/v1/balance/%ff", "MALFORMED_TEXT", null],
    ["/api/v1/operations/a%C3%28", "MALFORMED_TEXT", null],
    ["/api/v1/balance/ann/history?reason_type=%ED%A0%80", "MALFORMED_TEXT", null],
    ["/api/v1/balance/ann?%ff=1", "MALFORMED_TEXT", null],
    ["/api/v1/balance/ann/history?limit=0", "INVALID_PARAMETER", "limit"],
    ["/api/v1/balance/ann/history?limit=501", "INVALID_PARAMETER", "limit"],
    ["/api/v1/balance/ann/history?limit=1e1", "INVALID_PARAMETER", "limit"],
    ["/api/v1/balance/ann/history?status=done", "INVALID_PARAMETER", "status"],
    ["/api/v1/balance/ann/history?from_date=yesterday", "INVALID_PARAMETER", "from_date"],
    ["/api/v1/balance/ann/history?cursor=abc", "INVALID_CURSOR", "cursor"],
    ["/api/v1/balance/ann/history?cursor=%20", "INVALID_CURSOR", "cursor"],
    ["/api/v1/operations/x?sequence=-1", "INVALID_PARAMETER", "sequence"],
    ["/api/v1/audit/events?after=x", "INVALID_PARAMETER", "after"],
    ["/api/v1/reconciliation?run_id=x", "INVALID_PARAMETER", "run_id"],
  ])("%s is refused", async (path, code, field) => {
    await adjustOne({})
    expectRefusal(await api.call("GET", path), 400, code, field)
  })

  it.each([
    ["/api/v1/balance/nobody", "UNKNOWN_USER"],
    ["/api/v1/balance/nobody/history", "UNKNOWN_USER"],
    ["/api/v1/operations/nothing", "UNKNOWN_OPERATION"],
    ["/api/v1/transaction/tx_1", "UNKNOWN_TRANSACTION"],
    [`/api/v1/transaction/tx_${"_".repeat(32)}`, "UNKNOWN_TRANSACTION"],
    ["/api/v1/batches/1", "UNKNOWN_BATCH"],
    [`/api/v1/batches/0x${"0".repeat(64)}`, "UNKNOWN_BATCH"],
    ["/api/v1/reconciliation?run_id=0193c5e0-0000-7000-8000-000000000000", "UNKNOWN_RECONCILIATION_RUN"],
  ])("%s is unknown", async (path, code) => expectRefusal(await api.call("GET", path), 404, code))

  it("refuses a token that a read does not know", async () => {
    expectRefusal(await api.call("GET", "/api/v1/balance/ann?token_symbol=NOPE"), 422, "UNKNOWN_TOKEN")
    expectRefusal(
      await api.call("POST", "/api/v1/batches/flush", { token_symbol: "NOPE" }),
      422,
      "UNKNOWN_TOKEN",
    )
  })
})

describe("the server", () => {
  it("takes a sane request id and makes one where it is not", async () => {
    const echoed = await api.call("GET", "/livez", undefined, { "x-request-id": "trace:1.2_3-4" })
    expect(echoed.body.request_id).toBe("trace:1.2_3-4")
    for (const id of ["a b", "x".repeat(129), '{"a":1}', "é"]) {
      const { body, headers } = await api.call("GET", "/livez", undefined, { "x-request-id": id })
      expect(body.request_id).toMatch(/^req_/)
      expect(headers.get("x-request-id")).toBe(body.request_id)
    }
  })

  it("answers 500 without a word about the cause", async () => {
    await sql`ALTER TABLE settlement.batch_items RENAME TO batch_items_away`.execute(owner())
    try {
      const reply = await api.call("GET", "/api/v1/balance/ann")
      expectRefusal(reply, 500, "INTERNAL", null)
      expect(JSON.stringify(reply.body)).not.toContain("batch_items")
    } finally {
      await sql`ALTER TABLE settlement.batch_items_away RENAME TO batch_items`.execute(owner())
      await ownerDb?.destroy()
    }
  })
})

let ownerDb: TestApi["db"] | undefined
function owner(): TestApi["db"] {
  ownerDb ??= api.openAsOwner()
  return ownerDb
}

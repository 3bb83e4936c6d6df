import { request } from "node:http"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { RunningImports } from "../../../api/imports/run-imports.ts"
import { readImportOf, readRefused, runTestImports, upload, whenEnded } from "../../support/import-fixture.ts"
import { seedApp, seedKey } from "../../support/seed-registry.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"
import { waitUntil } from "../../support/wait-until.ts"

let api: TestApi
let imports: RunningImports

beforeAll(async () => {
  api = await startTestApi({ limits: { uploadIdleMs: 3_000 } })
  imports = runTestImports(api)
})
afterAll(async () => {
  await imports?.stop()
  await api?.close()
})

const header = "user_id,token_symbol,amount,reason_type,operation_id,sequence"
const fileOf = (...lines: string[]) => [header, ...lines].join("\n")

const countSpooled = async () => {
  const { rows } = await sql<{ chunks: bigint; receiving: bigint }>`
    SELECT (SELECT count(*) FROM ledger.import_chunks) AS chunks,
      (SELECT count(*) FROM ledger.imports WHERE state = 'receiving') AS receiving`.execute(api.db)
  return rows[0]
}

describe("the same file", () => {
  test("is the same import: nothing of it is applied twice, and the answer says so", async () => {
    const file = fileOf("twice,POINT,+5,reward,,", "twice,POINT,-9,reward,,")
    const first = await upload(api, file)
    expect([first.status, first.headers.get("idempotent-replayed")]).toEqual([202, null])
    const ended = await whenEnded(api, first.data?.import_id ?? "")
    expect(ended.lines).toEqual({ done: 2, applied: 1, replayed: 0, refused: 1 })
    const second = await upload(api, file)
    expect([second.status, second.headers.get("idempotent-replayed")]).toEqual([202, "true"])
    expect(second.data).toEqual(ended)
    // Another default means another file.
    const third = await upload(api, file, { query: "?chain_id=31337" })
    expect(third.data?.import_id).not.toBe(ended.import_id)
    await whenEnded(api, third.data?.import_id ?? "")
  })

  test("under an operation id of its own is an import of its own, and the id stays bound to its content", async () => {
    const file = fileOf("named,POINT,+5,reward,,")
    const sent = await Promise.all(
      ["?operation_id=day-1", "?operation_id=day-2"].map((query) => upload(api, file, { query })),
    )
    const byHeader = await upload(api, file, { headers: { "idempotency-key": "day-1" } })
    expect(byHeader.data?.import_id).toBe(sent[0]?.data?.import_id)
    for (const { data } of sent) await whenEnded(api, data?.import_id ?? "")
    expect((await api.call("GET", "/api/v1/balance/named")).body.data.balances[0].pending_balance).toBe("10")
    const other = await upload(api, fileOf("named,POINT,+6,reward,,"), { query: "?operation_id=day-1" })
    expect([other.status, other.errors?.[0]?.code]).toEqual([409, "IDEMPOTENCY_CONFLICT"])
    const twoNames = await upload(api, file, {
      query: "?operation_id=day-1",
      headers: { "idempotency-key": "day-2" },
    })
    expect([twoNames.status, twoNames.errors?.[0]?.code]).toEqual([400, "IDEMPOTENCY_KEY_MISMATCH"])
    expect(await countSpooled()).toEqual({ chunks: 0n, receiving: 0n })
  })

  test("sent at the same moment by several is one import", async () => {
    const file = fileOf(...Array.from({ length: 50 }, (_, index) => `together,POINT,+${index + 1},reward,,`))
    const sent = await Promise.all(Array.from({ length: 6 }, () => upload(api, file)))
    expect(new Set(sent.map(({ data }) => data?.import_id)).size).toBe(1)
    expect((await whenEnded(api, sent[0]?.data?.import_id ?? "")).lines.applied).toBe(50)
    expect((await api.call("GET", "/api/v1/balance/together")).body.data.balances[0].pending_balance).toBe(
      "1275",
    )
  })
})

describe("a line with a key of its own", () => {
  test("is recorded once over all imports and routes; with other content it is refused", async () => {
    const file = fileOf(
      "keyed,POINT,+5,reward,key-1,",
      "keyed,POINT,+5,reward,key-1,0",
      "keyed,POINT,+5,reward,key-1,1",
      "keyed,POINT,+6,reward,key-1,",
    )
    const first = await whenEnded(api, (await upload(api, file)).data?.import_id ?? "")
    expect(first.lines).toEqual({ done: 4, applied: 2, replayed: 1, refused: 1 })
    expect(await readRefused(api, first.import_id)).toMatchObject([
      { line: 5, code: "IDEMPOTENCY_CONFLICT", field: "operation_id" },
    ])
    const again = await whenEnded(api, (await upload(api, `${file}\n`)).data?.import_id ?? "")
    expect(again.lines).toEqual({ done: 4, applied: 0, replayed: 3, refused: 1 })
    expect((await api.call("GET", "/api/v1/balance/keyed")).body.data.balances[0].pending_balance).toBe("10")
    const adjustments = [{ user_id: "keyed", token_symbol: "POINT", amount: "+5", reason_type: "reward" }]
    expect((await api.adjust({ operation_id: "key-1", adjustments })).body.errors?.[0]?.code).toBe(
      "IDEMPOTENCY_CONFLICT",
    )
  })

  test("stays replayed when its reason was retired", async () => {
    await api.db
      .insertInto("registry.reasons")
      .values({
        reason_type: "passing",
        description: "x",
        allowed_metadata: [],
        auto_batch: true,
        priority: "normal",
        business_type: "reward",
      })
      .execute()
    const file = fileOf("passing,POINT,+5,passing,passing-1,")
    const first = await whenEnded(api, (await upload(api, file)).data?.import_id ?? "")
    expect(first.lines.applied).toBe(1)
    await api.db
      .updateTable("registry.reasons")
      .set({ is_retired: true })
      .where("reason_type", "=", "passing")
      .execute()
    const later = await whenEnded(
      api,
      (await upload(api, `${file}\npassing,POINT,+5,passing,,`)).data?.import_id ?? "",
    )
    expect(later.lines).toEqual({ done: 2, applied: 0, replayed: 1, refused: 1 })
    expect((await readRefused(api, later.import_id))[0]).toMatchObject({ line: 3, code: "REASON_RETIRED" })
  })
})

describe("POST /imports refuses", () => {
  const line = "a,POINT,+1,reward,,"
  const refused: [
    what: string,
    content: string,
    options: Parameters<typeof upload>[2],
    status: number,
    code: string,
    field: string | null,
  ][] = [
    ["an unknown column", "user_id,amounts\na,1", {}, 422, "UNKNOWN_FIELD", "amounts"],
    ["a column that is there twice", "user_id,user_id\na,1", {}, 400, "MALFORMED_CSV", "user_id"],
    [
      "a missing user",
      "amount,token_symbol,reason_type\n+1,CPOP,reward",
      {},
      422,
      "INVALID_FIELD",
      "user_id",
    ],
    ["a missing token", "user_id,balance\na,1", {}, 422, "INVALID_FIELD", "token_symbol"],
    ["a missing reason", "user_id,amount,token_symbol\na,+1,CPOP", {}, 422, "INVALID_FIELD", "reason_type"],
    [
      "amounts and balances at once",
      "user_id,amount,balance,token_symbol,reason_type\na,+1,1,CPOP,reward",
      {},
      422,
      "INVALID_FIELD",
      "amount",
    ],
    ["a header with a stray quote", 'user_id,"amount\na,+1', {}, 400, "MALFORMED_CSV", null],
    ["nothing", "", {}, 400, "MALFORMED_CSV", null],
    ["no line of JSON", "", { type: "application/x-ndjson" }, 400, "MALFORMED_JSON", null],
    ["JSON", fileOf(line), { type: "application/json" }, 415, "UNSUPPORTED_MEDIA_TYPE", "content-type"],
    [
      "another character set",
      fileOf(line),
      { type: "text/csv; charset=latin1" },
      415,
      "UNSUPPORTED_MEDIA_TYPE",
      "content-type",
    ],
    [
      "compression",
      fileOf(line),
      { headers: { "content-encoding": "gzip" } },
      415,
      "UNSUPPORTED_MEDIA_TYPE",
      "content-encoding",
    ],
    ["an unknown parameter", fileOf(line), { query: "?mode=fast" }, 400, "UNKNOWN_PARAMETER", "mode"],
    [
      "a chain that is no number",
      fileOf(line),
      { query: "?chain_id=x" },
      400,
      "INVALID_PARAMETER",
      "chain_id",
    ],
    [
      "a wrong key",
      fileOf(line),
      { headers: { authorization: "Bearer cb_no" } },
      401,
      "UNAUTHENTICATED",
      null,
    ],
  ]
  test.each(refused)("%s", async (_what, content, options, status, code, field) => {
    const reply = await upload(api, content, options)
    expect([reply.status, reply.errors?.[0]?.code, reply.errors?.[0]?.field]).toEqual([status, code, field])
    expect(await countSpooled()).toEqual({ chunks: 0n, receiving: 0n })
  })

  test("a file above the limit, whether it says so before or not", async () => {
    const policy = { body_bytes_max: 1_000n, line_bytes_max: 1_024, refused_kept_max: 3 }
    await api.db.insertInto("registry.import_policy").values(policy).execute()
    try {
      const big = fileOf(...Array.from({ length: 100 }, () => line))
      const told = await upload(api, big)
      expect([told.status, told.errors?.[0]?.code]).toEqual([413, "PAYLOAD_TOO_LARGE"])
      const streamed = await upload(api, new Blob([big]).stream())
      expect([streamed.status, streamed.errors?.[0]?.code]).toEqual([413, "PAYLOAD_TOO_LARGE"])
      // What is refused is counted, and kept up to the limit.
      const wrong = await whenEnded(
        api,
        (await upload(api, fileOf("1", "2", "3", "4", "5"))).data?.import_id ?? "",
      )
      expect(wrong.lines.refused).toBe(5)
      expect((await readRefused(api, wrong.import_id)).map(({ line: number }) => number)).toEqual([2, 3, 4])
    } finally {
      await sql`UPDATE registry.import_policy SET body_bytes_max = 1073741824, line_bytes_max = 32768`.execute(
        api.db,
      )
    }
    expect(await countSpooled()).toEqual({ chunks: 0n, receiving: 0n })
  })

  test("a key that may only read, and more imports than may wait", async () => {
    const { app, apiKey } = await seedApp(api.db)
    const reader = { server: api.server, apiKey: await seedKey(api.db, app, ["ledger:read"]) }
    expect((await upload(reader, fileOf(line))).errors?.[0]?.code).toBe("FORBIDDEN")
    await sql`
      INSERT INTO ledger.imports (ledger_id, import_id, state, format, defaults, line_bytes_max, refused_kept_max)
      SELECT ${app.ledgerId}, gen_random_uuid(), 'receiving', 'csv', '{}', 1, 1 FROM generate_series(1, 100)`.execute(
      api.db,
    )
    const reply = await upload({ server: api.server, apiKey }, fileOf(line))
    expect([reply.status, reply.errors?.[0]?.code, reply.headers.get("retry-after")]).toEqual([
      503,
      "OVERLOADED",
      "60",
    ])
    await api.db.deleteFrom("ledger.imports").where("ledger_id", "=", app.ledgerId).execute()
  })
})

describe("an upload that does not come to its end", () => {
  /** Sends the beginning of a file that says it is longer. */
  function begin() {
    const { hostname, port } = new URL(api.server.url)
    const sending = request({
      ...{ hostname, port, method: "POST", path: "/api/v1/imports" },
      headers: {
        authorization: `Bearer ${api.apiKey}`,
        "content-type": "text/csv",
        "content-length": "1000000",
      },
    })
    const answer = new Promise<string>((resolve) => {
      sending.once("error", () => resolve("broken"))
      sending.once("response", (response) => {
        let text = ""
        response.on("data", (chunk: Buffer) => {
          text += chunk.toString()
        })
        response.once("end", () => resolve(text))
        response.once("error", () => resolve(text))
      })
    })
    sending.write(`${fileOf("broken,POINT,+5,reward,,")}\n`)
    return { sending, answer }
  }
  const whenReceiving = () =>
    waitUntil(async () => (await countSpooled())?.receiving === 1n, { what: "an upload has begun" })
  const whenGone = () =>
    waitUntil(async () => (await countSpooled())?.receiving === 0n, { what: "nothing of the upload is left" })

  test("because its sender leaves: nothing is left of it, and nothing was started", async () => {
    const { sending, answer } = begin()
    await whenReceiving()
    sending.destroy()
    await answer
    await whenGone()
    expect((await api.call("GET", "/api/v1/balance/broken")).body.errors?.[0]?.code).toBe("UNKNOWN_USER")
  })

  test("because nothing comes any more: the sender is told, and nothing is left", async () => {
    const { answer } = begin()
    await whenReceiving()
    expect(JSON.parse(await answer)).toMatchObject({ code: 408, errors: [{ code: "REQUEST_TIMEOUT" }] })
    await whenGone()
  })

  test("because the process that received it died: it is removed after an hour", async () => {
    const { app } = api
    await sql`
      INSERT INTO ledger.imports (ledger_id, import_id, state, format, defaults, line_bytes_max, refused_kept_max, touched_at)
      VALUES (${app.ledgerId}, gen_random_uuid(), 'receiving', 'csv', '{}', 1, 1, now() - interval '61 minutes'),
        (${app.ledgerId}, gen_random_uuid(), 'receiving', 'csv', '{}', 1, 1, now() - interval '59 minutes')`.execute(
      api.db,
    )
    await waitUntil(async () => (await countSpooled())?.receiving === 1n, { what: "the older one is gone" })
    await sql`DELETE FROM ledger.imports WHERE state = 'receiving'`.execute(api.db)
  })
})

describe("GET /imports/{import_id}", () => {
  test("knows no import that is another app's, or nobody's, and no id that is none", async () => {
    const { data } = await upload(api, fileOf("mine,POINT,+5,reward,,"))
    const { apiKey } = await seedApp(api.db)
    const headers = { authorization: `Bearer ${apiKey}` }
    for (const path of [
      `/api/v1/imports/${data?.import_id}`,
      `/api/v1/imports/${data?.import_id}/refused`,
      "/api/v1/imports/00000000-0000-7000-8000-000000000000",
    ]) {
      const reply = await api.call("GET", path, undefined, headers)
      expect([reply.status, reply.body.errors?.[0]?.code]).toEqual([404, "UNKNOWN_IMPORT"])
    }
    expect((await api.call("GET", "/api/v1/imports/nonsense")).body.errors?.[0]?.code).toBe(
      "INVALID_PARAMETER",
    )
    expect(
      (await api.call("GET", `/api/v1/imports/${data?.import_id}/refused?format=xml`)).body.errors?.[0]?.code,
    ).toBe("INVALID_PARAMETER")
    await whenEnded(api, data?.import_id ?? "")
  })
})

test("an import that fails says why, raises an alarm, and goes on when the same file is sent again", async () => {
  const owner = api.openAsOwner()
  try {
    await sql`
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the table is broken'; END $$`.execute(
      owner,
    )
    await sql`CREATE TRIGGER fail BEFORE INSERT ON ledger.import_refusals FOR EACH ROW EXECUTE FUNCTION fail()`.execute(
      owner,
    )
    const file = fileOf("failing,POINT,+5,reward,,", "wrong", "failing,POINT,+1,reward,,")
    const importId = (await upload(api, file)).data?.import_id ?? ""
    const failed = await whenEnded(api, importId)
    expect(failed).toMatchObject({ state: "failed", error: "the table is broken", lines: { done: 0 } })
    const alarms = () =>
      api.db
        .selectFrom("registry.alarms")
        .select(["kind", "message"])
        .where("subject", "=", importId)
        .where("cleared_at", "is", null)
        .execute()
    expect(await alarms()).toEqual([{ kind: "import_failed", message: "the table is broken" }])
    await sql`DROP TRIGGER fail ON ledger.import_refusals`.execute(owner)
    const again = await upload(api, file)
    expect([again.data?.import_id, again.headers.get("idempotent-replayed")]).toEqual([importId, "true"])
    expect(await whenEnded(api, importId)).toMatchObject({
      state: "finished",
      lines: { done: 3, applied: 2, refused: 1 },
    })
    expect((await api.call("GET", "/api/v1/balance/failing")).body.data.balances[0].pending_balance).toBe("6")
    await waitUntil(async () => (await alarms()).length === 0, { what: "the alarm is cleared" })
  } finally {
    await owner.destroy()
  }
})

test("a worker that is stopped gives its import back, and several workers share the imports of several apps", async () => {
  await imports.stop()
  const lines = Array.from({ length: 3_000 }, (_, index) => `many-${index % 50},POINT,+1,reward,,`)
  const apps = await Promise.all(
    [0, 1].map(async () => ({ server: api.server, apiKey: (await seedApp(api.db)).apiKey })),
  )
  const ids = await Promise.all(
    apps.map(async (app) => (await upload(app, fileOf(...lines))).data?.import_id ?? ""),
  )
  const early = runTestImports(api, { groupLines: 50 })
  const firstApp = apps[0] ?? api
  await waitUntil(async () => (await readImportOf(firstApp, ids[0] ?? "")).lines.done > 0, {
    what: "the first worker is at it",
  })
  await early.stop()
  expect(
    await api.db
      .selectFrom("ledger.imports")
      .select("import_id")
      .where("lease_owner", "is not", null)
      .execute(),
  ).toEqual([])
  const workers = [runTestImports(api), runTestImports(api)]
  try {
    for (const [index, app] of apps.entries()) {
      const ended = await whenEnded(app, ids[index] ?? "")
      expect(ended.lines).toEqual({ done: 3_000, applied: 3_000, replayed: 0, refused: 0 })
    }
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()))
  }
})

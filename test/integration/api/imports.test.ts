import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { RunningImports } from "../../../api/imports/run-imports.ts"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { readRefused, runTestImports, upload, whenEnded } from "../../support/import-fixture.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

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

/** Sends a file that is taken, and waits until it is worked off. */
async function run(content: string, options: Parameters<typeof upload>[2] = {}) {
  const received = await upload(api, content, options)
  expect([received.status, received.errors]).toEqual([202, undefined])
  return whenEnded(api, received.data?.import_id ?? "")
}

const balanceOf = async (user: string, query = "") =>
  (await api.call("GET", `/api/v1/balance/${user}${query}`)).body.data?.balances.map(
    (balance: { token_symbol: string; pending_balance: string }) =>
      `${balance.pending_balance} ${balance.token_symbol}`,
  )
const historyOf = async (user: string) =>
  (await api.call("GET", `/api/v1/balance/${user}/history`)).body.data?.history

describe("POST /imports", () => {
  test("records every line of a CSV under its number, and says how far it is", async () => {
    const csv = [
      "user_id,token_symbol,amount,reason_type,reason_detail,metadata,occurred_at",
      'csv-ann,CPOP,+10.5,reward,"Level 3, first try","{""activity_id"":""a-1""}",2024-12-15T10:30:00+02:00',
      "csv-ann,CPOP,-0.5,consumption,,,",
      "csv-bob,POINT,+7,reward,,,",
      "",
    ].join("\r\n")
    const ended = await run(csv)
    expect(ended).toMatchObject({
      state: "finished",
      error: null,
      bytes: { total: csv.length, done: csv.length },
      lines: { done: 3, applied: 3, replayed: 0, refused: 0 },
    })
    expect(await balanceOf("csv-ann")).toEqual(["10.000000000000000000 CPOP"])
    expect(await balanceOf("csv-bob")).toEqual(["7 POINT"])
    const [second, first] = await historyOf("csv-ann")
    expect(first).toMatchObject({
      operation_id: ended.operation_id,
      reason_type: "reward",
      reason_detail: "Level 3, first try",
      metadata: { activity_id: "a-1" },
    })
    expect(second).toMatchObject({ reason_type: "consumption", reason_detail: null, metadata: {} })
    const event = await api.db
      .selectFrom("ledger.events")
      .select(["operation_id", "sequence", "occurred_at", "recorded_at", "data"])
      .where("operation_id", "=", ended.operation_id)
      .orderBy("position")
      .executeTakeFirstOrThrow()
    expect(event).toMatchObject({
      sequence: 2,
      occurred_at: new Date("2024-12-15T08:30:00Z"),
      data: { business_batch_id: `import_${ended.import_id}` },
    })
    expect(await verifyLedger(api.db, api.app.ledgerId)).toMatchObject({ ok: true })
  })

  test("takes NDJSON, opening balances, defaults for what lines leave out, and the chain where a symbol has several", async () => {
    const lines = [
      { user_id: "nd-ann", balance: "1000" },
      {
        user_id: "nd-bob",
        balance: "0.5",
        token_symbol: "USDT",
        chain_id: 31_338,
        metadata: { source: "old" },
      },
      { user_id: "nd-carl", amount: "+1", reason_type: "refund" },
    ]
    const ended = await run(lines.map((line) => JSON.stringify(line)).join("\n"), {
      type: "application/x-ndjson; charset=utf-8",
      query: "?token_symbol=CPOP&file_name=old-system.ndjson",
    })
    expect(ended).toMatchObject({
      state: "finished",
      file_name: "old-system.ndjson",
      lines: { applied: 3, refused: 0 },
    })
    expect(await balanceOf("nd-ann")).toEqual(["1000.000000000000000000 CPOP"])
    expect(await balanceOf("nd-bob", "?token_symbol=USDT&chain_id=31338")).toEqual(["0.500000 USDT"])
    expect((await historyOf("nd-ann"))[0]).toMatchObject({
      reason_type: "opening_balance",
      business_type: "adjustment",
    })
    expect((await historyOf("nd-carl"))[0]).toMatchObject({ reason_type: "refund" })
  })

  test("refuses a line without any harm to its neighbours, and lists it with its number and reason", async () => {
    const header =
      "user_id,token_symbol,chain_id,amount,reason_type,reason_detail,metadata,operation_id,sequence,occurred_at"
    const wrong: [line: string, code: string, field: string | null][] = [
      ["ref-ann,CPOP,,-6,consumption,,,,,", "INSUFFICIENT_BALANCE", "amount"],
      ["ref-ann,NONE,,+1,reward,,,,,", "UNKNOWN_TOKEN", "token_symbol"],
      ["ref-ann,USDT,,+1,reward,,,,,", "AMBIGUOUS_TOKEN", "token_symbol"],
      ["ref-ann,CPOP,99,+1,reward,,,,,", "UNKNOWN_TOKEN", "chain_id"],
      ["ref-ann,CPOP,x,+1,reward,,,,,", "INVALID_FIELD", "chain_id"],
      ["ref-ann,CPOP,,1,reward,,,,,", "INVALID_AMOUNT", "amount"],
      ["ref-ann,CPOP,,+0,reward,,,,,", "INVALID_AMOUNT", "amount"],
      ["ref-ann,CPOP,,1e3,reward,,,,,", "INVALID_AMOUNT", "amount"],
      ["ref-ann,CPOP,,+1.0000000000000000001,reward,,,,,", "INVALID_AMOUNT", "amount"],
      [`ref-ann,CPOP,,+${2n ** 255n / 10n ** 18n},reward,,,,,`, "BALANCE_OUT_OF_RANGE", "amount"],
      ["ref-ann,CPOP,,+1,no_reason,,,,,", "UNKNOWN_REASON", "reason_type"],
      ['ref-ann,CPOP,,+1,reward,,"{""other"":1}",,,', "METADATA_NOT_ALLOWED", "metadata"],
      ["ref-ann,CPOP,,+1,reward,,[1],,,", "MALFORMED_JSON", "metadata"],
      ['ref-ann,CPOP,,+1,reward,,"{""\\\\"":1}",,,', "MALFORMED_TEXT", "metadata"],
      ["ref ann,CPOP,,+1,reward,,,,,", "INVALID_FIELD", "user_id"],
      [",CPOP,,+1,reward,,,,,", "INVALID_FIELD", "user_id"],
      ["ref-ann,CPOP,,+1,reward,,,,3,", "INVALID_FIELD", "sequence"],
      ["ref-ann,CPOP,,+1,reward,,,,,2999-01-01T00:00:00Z", "INVALID_FIELD", "occurred_at"],
      ["ref-ann,CPOP,,+1,reward,,,,,yesterday", "INVALID_FIELD", "occurred_at"],
      ["ref-ann,CPOP,,+1,reward", "MALFORMED_CSV", null],
      [`ref-ann,CPOP,,+1,reward,${"x".repeat(40_000)},,,,`, "PAYLOAD_TOO_LARGE", null],
      ["ref-ann,CPOP,,+1,reward,\u0000,,,,", "MALFORMED_TEXT", "reason_detail"],
    ]
    const good = "ref-ann,CPOP,,+0.25,reward,,,,,"
    const funds = "ref-ann,CPOP,,+0.5,reward,,,,,"
    const ended = await run([header, funds, ...wrong.flatMap(([line]) => [line, good])].join("\n"))
    expect(ended.lines).toEqual({ done: 45, applied: 23, replayed: 0, refused: 22 })
    expect(await balanceOf("ref-ann")).toEqual(["6.000000000000000000 CPOP"])
    const refused = await readRefused(api, ended.import_id)
    expect(refused.map(({ line, code, field }) => [line, code, field])).toEqual(
      wrong.map(([, code, field], index) => [3 + 2 * index, code, field]),
    )
    for (const { message } of refused) expect(message.length).toBeGreaterThan(10)
    const csv = await fetch(`${api.server.url}/api/v1/imports/${ended.import_id}/refused?format=csv`, {
      headers: { authorization: `Bearer ${api.apiKey}` },
    })
    expect(csv.headers.get("content-type")).toBe("text/csv; charset=utf-8")
    expect(csv.headers.get("x-refused-lines")).toBe("22")
    expect((await csv.text()).split("\r\n").slice(0, 2)).toEqual([
      "line,code,field,message",
      "3,INSUFFICIENT_BALANCE,amount,the debit is larger than what can be spent: 0.500000000000000000 CPOP is available",
    ])
  })

  test("pays nothing that stands inside of a value which a user wrote", async () => {
    const header = "user_id,token_symbol,amount,reason_type,reason_detail"
    const theft = "thief,CPOP,+1000000,reward,"
    const missing = async () => (await api.call("GET", "/api/v1/balance/thief")).status
    const long = await run(
      `${header}\nquo-ann,CPOP,+1,reward,"hello\n${theft}\n${"y\n".repeat(20_000)}"\nquo-bob,CPOP,+2,reward,ok\n`,
    )
    expect(long.lines).toEqual({ done: 2, applied: 1, replayed: 0, refused: 1 })
    expect(await balanceOf("quo-bob")).toEqual(["2.000000000000000000 CPOP"])
    for (const name of ['"he said \\"hi\\"', '"he said \\", ok\\"', ' "hello', 'a 5" pipe, "hello']) {
      const broken = await run(
        `${header}\nquo-cy,CPOP,+1,reward,fine\nquo-ann,CPOP,+1,reward,${name}\n${theft}\nbye"\nquo-bob,CPOP,+2,reward,ok\n`,
      )
      expect(broken.lines).toEqual({ done: 2, applied: 1, replayed: 0, refused: 1 })
      expect(await readRefused(api, broken.import_id)).toEqual([
        {
          line: 3,
          code: "MALFORMED_CSV",
          field: null,
          message: expect.stringContaining("lines 3 to 6 were not read"),
        },
      ])
    }
    expect(await missing()).toBe(404)
    expect(await balanceOf("quo-bob")).toEqual(["2.000000000000000000 CPOP"])
  })
})

import fc from "fast-check"
import pg from "pg"
import { afterAll, beforeAll, expect, it } from "vitest"
import {
  copyBytes,
  copyInt2,
  copyInt4,
  copyInt8,
  copyInto,
  copyNumeric,
  copyText,
  copyTime,
  uuidBytes,
} from "../../../ledger/store/copy-statement.ts"
import { copyRows } from "../../../ledger/writer/copy-rows.ts"
import { createTestLedger, type TestLedger } from "../../support/test-ledger.ts"

const columns = "n, uuid, small, whole, large, amount, at, text, document, bytes"
let ledger: TestLedger
let client: pg.Client
beforeAll(async () => {
  ledger = await createTestLedger()
  client = new pg.Client({ connectionString: ledger.database.ownerUrl })
  await client.connect()
  await client.query(`
    CREATE TEMP TABLE copied (n integer, uuid uuid, small smallint, whole integer, large bigint, amount numeric(78, 0), at timestamptz(3), text text,
      document json, bytes bytea)`)
})
afterAll(async () => {
  await client?.end()
  await ledger?.close()
})

const limit = 10n ** 78n - 1n
const text = fc.string({ unit: "binary" }).filter((each) => !each.includes("\0") && each.isWellFormed())
const row = fc.record({
  uuid: fc.uuid(),
  small: fc.integer({ min: -32_768, max: 32_767 }),
  whole: fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  large: fc.option(
    fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -9n, max: 9n })),
  ),
  amount: fc.option(
    fc.oneof(
      fc.bigInt({ min: -limit, max: limit }),
      // Few digits, and zeros behind them, as amounts of tokens have them.
      fc
        .tuple(fc.bigInt({ min: -99_999n, max: 99_999n }), fc.integer({ min: 0, max: 70 }))
        .map(([digits, zeros]) => digits * 10n ** BigInt(zeros)),
    ),
  ),
  at: fc.date({
    min: new Date("1900-01-01T00:00:00.000Z"),
    max: new Date("9999-12-31T23:59:59.999Z"),
    noInvalidDate: true,
  }),
  text: fc.option(text),
  document: fc.option(fc.jsonValue().map((value) => JSON.stringify(value).replaceAll("\\u0000", ""))),
  bytes: fc.option(fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes))),
})

it("stores every value as what it is", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 60 }), async (rows) => {
      await client.query("TRUNCATE copied")
      const copied = copyInto("copied", columns, rows.entries(), (to, [n, each]) => {
        copyInt4(to, n)
        copyBytes(to, uuidBytes(each.uuid))
        copyInt2(to, each.small)
        copyInt4(to, each.whole)
        copyInt8(to, each.large)
        copyNumeric(to, each.amount)
        copyTime(to, each.at)
        copyText(to, each.text)
        copyText(to, each.document)
        copyBytes(to, each.bytes)
      })
      await copyRows(client, copied)
      const stored = await client.query(`
        SELECT n, uuid::text, small, whole, large::text, amount::text, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at, text,
          document::text, bytes
        FROM copied ORDER BY n`)
      expect(stored.rows).toEqual(
        rows.map((each, n) => ({
          ...each,
          n,
          large: each.large?.toString() ?? null,
          amount: each.amount?.toString() ?? null,
          at: each.at.toISOString(),
        })),
      )
    }),
    { numRuns: 200 },
  )
})

it("refuses a number that does not fit, and ends the connection with what it has begun", async () => {
  const other = new pg.Client({ connectionString: ledger.database.ownerUrl })
  other.on("error", () => undefined)
  await other.connect()
  await other.query("CREATE TEMP TABLE narrow (small smallint, whole integer, large bigint)")
  const copy = (small: number, whole: number, large: bigint) =>
    copyInto("narrow", "small, whole, large", [0], (to) => {
      copyInt2(to, small)
      copyInt4(to, whole)
      copyInt8(to, large)
    })
  for (const [small, whole, large] of [
    [32_768, 0, 0n],
    [-32_769, 0, 0n],
    [0, 2 ** 31, 0n],
    [0, -(2 ** 31) - 1, 0n],
    [0, 0, 2n ** 63n],
    [0, 0, -(2n ** 63n) - 1n],
  ] as const)
    expect(() => [...copy(small, whole, large).rows]).toThrow(/is out of range for type/)
  const ended = new Promise((resolve) => other.once("end", resolve))
  expect(() => copyRows(other, copy(40_000, 0, 0n))).toThrow("40000 is out of range for type smallint")
  await ended
})

it("sends many rows in several pieces, and none without a row", async () => {
  await client.query("TRUNCATE copied")
  const numbered = (count: number) =>
    copyInto("copied", "n, text", Array(count).keys(), (to, n) => {
      copyInt4(to, n)
      copyText(to, "x".repeat(100))
    })
  expect([...numbered(3_000).rows].length).toBeGreaterThan(4)
  await copyRows(client, numbered(3_000))
  await copyRows(client, numbered(0))
  const { rows } = await client.query("SELECT count(*)::int, sum(n)::int, max(length(text)) FROM copied")
  expect(rows).toEqual([{ count: 3_000, sum: (2_999 * 3_000) / 2, max: 100 }])
})

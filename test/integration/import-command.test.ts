import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sql } from "kysely"
import { afterAll, beforeAll, expect, test } from "vitest"
import { readCommandsLog } from "../support/read-commands-log.ts"
import { runCli } from "../support/run-cli.ts"
import { startTestApi, type TestApi } from "../support/test-api.ts"
import { waitUntil } from "../support/wait-until.ts"

let api: TestApi
let owner: ReturnType<TestApi["openAsOwner"]>
const directory = mkdtempSync(join(tmpdir(), "chainbridge-import-"))

beforeAll(async () => {
  api = await startTestApi()
  owner = api.openAsOwner()
})
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await owner?.destroy()
  await api?.close()
})

function start(name: string, content: string, ...args: string[]) {
  const path = join(directory, name)
  writeFileSync(path, content)
  return { path, ...runCli(["import", path, ...args], { DATABASE_URL: api.database.appUrl }) }
}
const run = (name: string, content: string, ...args: string[]) => start(name, content, ...args).ended
const balanceOf = async (user: string) =>
  (await api.call("GET", `/api/v1/balance/${user}`)).body.data?.balances[0].pending_balance

test("imports a file, lists what was refused, and applies nothing twice", async () => {
  const content = "user_id,balance\nann,10\nbob,-1\ncarl,0.5\n"
  const first = await run("opening.csv", content, "--token", "CPOP")
  expect(first.stdout).toMatch(
    /^finished import [0-9a-f-]{36}: 2 applied, 0 replayed, 1 refused\nthe refused lines with their reasons are in .*opening\.csv\.refused\.csv\n$/,
  )
  expect(first.code).toBe(1)
  expect(first.stderr).toMatch(/importing █{24} 100 % {2}2 applied, 0 replayed, 1 refused/)
  const refused = readFileSync(join(directory, "opening.csv.refused.csv"), "utf8")
  expect(refused).toBe(
    'line,code,field,message\r\n3,INVALID_AMOUNT,balance,"write the balance as a decimal string without a sign, for example ""12.5"""\r\n',
  )
  const second = await run(
    "opening.csv",
    content,
    "--token",
    "CPOP",
    "--refused",
    join(directory, "again.csv"),
  )
  expect(second.stderr).toMatch(/this file is import [0-9a-f-]{36} of 20\S+: no line is applied twice/)
  expect(second.stdout).toContain("2 applied, 0 replayed, 1 refused")
  expect(readFileSync(join(directory, "again.csv"), "utf8")).toBe(refused)
  expect(await balanceOf("ann")).toBe("10.000000000000000000")
  expect((await readCommandsLog(api.db)).map(({ action }) => action)).toEqual(["import.received"])
  const ndjson = await run(
    "more.ndjson",
    '{"user_id":"ann","amount":"-4"}',
    "--token",
    "CPOP",
    "--reason",
    "consumption",
    "--chain",
    "31337",
  )
  expect([ndjson.code, ndjson.stdout.includes("1 applied")]).toEqual([0, true])
  expect(existsSync(join(directory, "more.ndjson.refused.csv"))).toBe(false)
  expect(await balanceOf("ann")).toBe("6.000000000000000000")
})

test("goes on where it was when it was killed", async () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => `killed-${index % 100},POINT,+1,reward`)
  const content = ["user_id,token_symbol,amount,reason_type", ...lines].join("\n")
  const { child, ended } = start("killed.csv", content)
  await waitUntil(
    async () => {
      const row = await api.db
        .selectFrom("ledger.imports")
        .select("applied")
        .where("file_name", "=", "killed.csv")
        .executeTakeFirst()
      return (row?.applied ?? 0n) > 0n
    },
    { what: "it has begun to apply lines", timeoutMs: 30_000 },
  )
  child.kill("SIGKILL")
  expect((await ended).code).toBe("SIGKILL")
  const again = await run("killed.csv", content)
  expect(again.stderr).toContain("no line is applied twice")
  expect(again.stdout).toContain("20000 applied, 0 replayed, 0 refused")
  expect(again.code).toBe(0)
  expect(await balanceOf("killed-7")).toBe("200")
}, 120_000)

test.each([
  [
    "unknown.csv",
    "user_id,amounts\na,1",
    /unknown\.csv: amounts: there is no column of this name; use user_id, /,
  ],
  ["unknown.txt", "x", /unknown\.txt is neither a \.csv nor a \.ndjson file/],
  ["empty.csv", "", /empty\.csv: the body is empty; send at least one line/],
])("says in one sentence what is wrong with %s", async (name, content, sentence) => {
  const { code, stderr, stdout } = await run(name, content)
  expect([code, stdout]).toEqual([1, ""])
  expect(stderr).toMatch(sentence)
})

test("ends when the import that it follows is gone", async () => {
  // Somebody else works on it, so that the command follows.
  await sql`
    CREATE FUNCTION public.lease() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN NEW.lease_expires_at = now() + interval '1 hour'; RETURN NEW; END $$`.execute(owner)
  await sql`
    CREATE TRIGGER lease BEFORE INSERT ON ledger.imports FOR EACH ROW EXECUTE FUNCTION public.lease()`.execute(
    owner,
  )
  try {
    const { ended } = start("gone.csv", "user_id,balance\nann,10\n", "--token", "CPOP")
    const find = () =>
      api.db
        .selectFrom("ledger.imports")
        .select("import_id")
        .where("file_name", "=", "gone.csv")
        .where("state", "=", "received")
        .executeTakeFirst()
    const row = await waitUntil(async () => (await find()) ?? false, { what: "the file was received" })
    await api.db.deleteFrom("ledger.imports").where("import_id", "=", row.import_id).execute()
    const { code, stderr } = await ended
    expect([code, stderr]).toEqual([1, expect.stringContaining(`import ${row.import_id} is gone`)])
  } finally {
    await sql`DROP FUNCTION public.lease CASCADE`.execute(owner)
  }
})

test("says that there is no such file", async () => {
  const { code, stderr } = await runCli(["import", join(directory, "nowhere.csv")], {
    DATABASE_URL: api.database.appUrl,
  }).ended
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/^chainbridge: .*nowhere\.csv cannot be read: ENOENT/),
  ])
})

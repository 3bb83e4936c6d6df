import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, test } from "vitest"
import { formatAmount } from "../../ledger/domain/amount.ts"
import { replayEvent, startReplay } from "../../ledger/domain/replay.ts"
import { parseEvent, readEvents } from "../../ledger/store/read-events.ts"
import { liveThrough } from "../support/live-through.ts"
import { runCli } from "../support/run-cli.ts"
import { createTestLedger, insertLedger, type TestLedger } from "../support/test-ledger.ts"

let ledger: TestLedger
const directory = mkdtempSync(join(tmpdir(), "chainbridge-balances-"))

beforeAll(async () => {
  ledger = await createTestLedger()
  await liveThrough(ledger)
})
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true })
  await ledger?.close()
})

const balances = (...args: string[]) =>
  runCli(["balances", ...args], { DATABASE_URL: ledger.database.appUrl }).ended

/** The file that a replay of the log up to the position makes. */
async function expectedCsv(position: bigint): Promise<string> {
  const replay = startReplay()
  const users = new Map<bigint, string>()
  for (const stored of await readEvents(ledger.db, ledger.ledgerId, 0n, Number(position))) {
    const event = parseEvent(stored)
    replayEvent(replay, stored.position, event)
    if (event.type === "AccountOpened") users.set(event.account?.accountId ?? 0n, event.data.user_id)
  }
  const { token_address: address, symbol } = await ledger.db
    .selectFrom("registry.tokens")
    .select(["token_address", "symbol"])
    .where("token_id", "=", ledger.tokenId)
    .executeTakeFirstOrThrow()
  const lines = [...replay.accounts].map(([id, { pending, confirmed, locked }]) => {
    const figures = [pending, confirmed, locked, pending > locked ? pending - locked : 0n]
    const units = figures.map((figure) => formatAmount(figure, 18))
    return [users.get(id), "31337", symbol, address, ...units, ...figures].join(",")
  })
  const header =
    "user_id,chain_id,token_symbol,token_address,pending,confirmed,locked,available,pending_base_units,confirmed_base_units,locked_base_units,available_base_units"
  return [header, ...lines].map((line) => `${line}\r\n`).join("")
}

test("writes every account as it is, and as it was at any position", async () => {
  const { position: head } = await ledger.db
    .selectFrom("ledger.head")
    .select("position")
    .executeTakeFirstOrThrow()
  const now = await balances()
  expect(now.code).toBe(0)
  expect(now.stdout).toBe(await expectedCsv(head))
  expect(now.stderr).toMatch(new RegExp(`\\n4 accounts of .* at position ${head}, recorded 20\\d\\d-`))
  for (const position of [0n, 1n, head / 2n, head - 1n]) {
    const file = join(directory, `at-${position}.csv`)
    const then = await balances("--at", String(position), "--out", file)
    expect([then.code, then.stdout]).toEqual([0, ""])
    expect(readFileSync(file, "utf8")).toBe(await expectedCsv(position))
  }
  // Nothing of a draft stays.
  expect(readdirSync(directory).filter((name) => !name.endsWith(".csv"))).toEqual([])
  const times = await ledger.db
    .selectFrom("ledger.events")
    .select(["position", "recorded_at"])
    .where("position", "=", 5n)
    .executeTakeFirstOrThrow()
  const last = await ledger.db
    .selectFrom("ledger.events")
    .select(({ fn }) => fn.max("position").as("position"))
    .where("recorded_at", "<=", times.recorded_at)
    .executeTakeFirstOrThrow()
  expect((await balances("--at", times.recorded_at.toISOString(), "--token", "CPOP")).stdout).toBe(
    await expectedCsv(BigInt(last.position)),
  )
})

test.each([
  [["--at", "99999"], /^chainbridge: --at 99999 is beyond the end of the log, which is position \d+\n$/],
  [
    ["--at", "2999-01-01T00:00:00Z"],
    /^chainbridge: --at 2999-01-01T00:00:00Z is in the future; leave it out for the balances of now\n$/,
  ],
  [
    ["--at", "noon"],
    /^chainbridge: --at is "noon"; allowed: the position of an event, or an ISO 8601 time with its zone/,
  ],
  [["--token", "NONE"], /^chainbridge: there is no token "NONE"; there are: /],
  [["--ledger", "nobody"], /^chainbridge: there is no ledger "nobody"; there are: /],
])("says in one sentence what is wrong with %j, and leaves no file", async (args, sentence) => {
  const out = join(directory, "refused.csv")
  const run = await balances(...args, "--out", out)
  expect(run.code).toBe(1)
  expect(run.stderr).toMatch(sentence)
  expect(existsSync(out)).toBe(false)
})

test("asks which ledger is meant where there are several", async () => {
  const other = await insertLedger(ledger.db)
  const run = await balances()
  expect(run.code).toBe(1)
  expect(run.stderr).toMatch(/^chainbridge: name one with --ledger; there are: /)
  expect((await balances("--ledger", other)).stdout.split("\r\n")).toHaveLength(2)
})

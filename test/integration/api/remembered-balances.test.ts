import { sql } from "kysely"
import type pg from "pg"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import { type ApiServer, startApiServer } from "../../../api/api-server.ts"
import { createReadPool } from "../../../api/balances/read-pool.ts"
import { createUserBalances } from "../../../api/balances/user-balances.ts"
import { createWriterPool } from "../../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../../platform/logger.ts"
import { settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
/** Another process, as far as memory is concerned. */
let other: ApiServer
let writerPool: ReturnType<typeof createWriterPool>
beforeAll(async () => {
  api = await startTestApi()
  writerPool = createWriterPool({ databaseUrl: api.database.appUrl, applicationName: "test-other" })
  other = await startApiServer({
    db: api.db,
    writerPool,
    databaseUrl: api.database.appUrl,
    logger: createLogger("api", "silent"),
    host: "127.0.0.1",
    port: 0,
    version: "0.0.0-test",
  })
})
afterAll(async () => {
  await other?.stop()
  await writerPool?.end()
  await api?.close()
})

let made = 0
let user = ""
beforeEach(async () => {
  made += 1
  user = `user_${made}`
  await api.fund(user, "10")
})

async function balance(of = user, headers: Record<string, string> = {}) {
  const { body } = await api.call("GET", `/api/v1/balance/${of}?token_symbol=CPOP`, undefined, headers)
  return body.data.balances[0] as {
    readonly source: string
    readonly pending_balance: string
    readonly sync_status: string
    readonly sync_error: string | null
  }
}

/** Reads until it is remembered. */
async function remember(of = user): Promise<void> {
  for (let read = 0; read < 20; read += 1) if ((await balance(of)).source === "cache") return
  throw new Error("the balance is not remembered")
}

async function adjustElsewhere(of: string, amount: string, symbol = "CPOP"): Promise<void> {
  const response = await fetch(`${other.url}/api/v1/balance/adjust`, {
    method: "POST",
    headers: { authorization: `Bearer ${api.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({
      adjustments: [{ user_id: of, token_symbol: symbol, amount, reason_type: "reward" }],
    }),
  })
  expect(response.status).toBe(200)
}

it("is answered from memory, and says so; as if from the database where nothing shall be stored", async () => {
  expect((await balance()).source).toBe("database")
  await remember()
  expect(await balance()).toMatchObject({ source: "cache", pending_balance: "10.000000000000000000" })
  expect((await balance(user, { "cache-control": "no-store" })).source).toBe("database")
  const first = await api.call("GET", `/api/v1/balance/${user}`)
  const tag = { "if-none-match": first.headers.get("etag") ?? "" }
  await adjustElsewhere(user, "+1")
  const changed = await api.call("GET", `/api/v1/balance/${user}`, undefined, tag)
  expect([changed.status, changed.body.data.balances[0].source]).toEqual([200, "database"])
  const newTag = { "if-none-match": changed.headers.get("etag") ?? "" }
  for (let read = 0; read < 3; read += 1)
    expect((await api.call("GET", `/api/v1/balance/${user}`, undefined, newTag)).status).toBe(304)
})

it("says the same to HEAD as to GET, without the balance, and that it is nobody else's", async () => {
  await remember()
  const [whole, head] = await Promise.all(
    ["GET", "HEAD"].map((method) => api.call(method, `/api/v1/balance/${user}`)),
  )
  expect(head?.body).toEqual({})
  for (const name of ["etag", "vary", "cache-control", "content-type"])
    expect(head?.headers.get(name), name).toBe(whole?.headers.get(name))
  expect(whole?.headers.get("vary")).toBe("Accept-Encoding, Authorization, X-API-Key, Origin")
  expect(whole?.headers.get("cache-control")).toBe("private, no-cache")
})

it("has everything that was acknowledged before the question, by whichever process", async () => {
  await remember()
  for (let round = 1; round <= 40; round += 1) {
    await adjustElsewhere(user, "+1")
    // Right behind the answer, with no time for any notification.
    expect((await balance()).pending_balance).toBe(`${10 + round}.000000000000000000`)
    if (round % 3 === 0) await remember()
  }
})

it("never goes back, and is never behind what was acknowledged, while many read and many write", async () => {
  const users = Array.from({ length: 6 }, (_, index) => `${user}_${index}`)
  for (const one of users) await api.fund(one, "1")
  const acknowledged = new Map(users.map((one) => [one, 1]))
  let isOver = false
  const sources = new Map<string, number>()
  const writers = users.slice(0, 3).map(async (one) => {
    for (let round = 0; round < 40; round += 1) {
      await (round % 2 === 0 ? adjustElsewhere(one, "+1") : api.fund(one, "1"))
      acknowledged.set(one, (acknowledged.get(one) ?? 0) + 1)
    }
  })
  const readers = Array.from({ length: 12 }, async (_, index) => {
    const one = users[index % users.length] ?? ""
    let last = 0
    while (!isOver) {
      const least = acknowledged.get(one) ?? 0
      const { pending_balance, source } = await balance(one)
      const amount = Number(pending_balance)
      expect(amount).toBeGreaterThanOrEqual(Math.max(last, least))
      last = amount
      sources.set(source, (sources.get(source) ?? 0) + 1)
    }
  })
  await Promise.all(writers)
  isOver = true
  await Promise.all(readers)
  expect(sources.get("cache")).toBeGreaterThan(20)
  expect(sources.get("database")).toBeGreaterThan(20)
})

it("stays remembered while others are written to, and has a token that is new to the user", async () => {
  await remember()
  await adjustElsewhere(`${user}_else`, "+1")
  expect((await balance()).source).toBe("cache")
  await adjustElsewhere(user, "+3", "POINT")
  const { body } = await api.call("GET", `/api/v1/balance/${user}`)
  expect(body.data.balances.map((one: { token_symbol: string }) => one.token_symbol)).toEqual([
    "CPOP",
    "POINT",
  ])
})

it("tells at once what settlement does, with and without an event", async () => {
  const settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
  await settlement.takeIn()
  await remember()
  expect((await balance()).sync_status).toBe("pending")
  const sequence = await settlement.seal()
  expect(await balance()).toMatchObject({ sync_status: "syncing", source: "database" })
  await remember()
  await settlement.mark(sequence ?? 0n, { state: "mined" })
  await settlement.confirm(sequence ?? 0n)
  expect(await balance()).toMatchObject({ sync_status: "synced", source: "database" })
  await remember()
  // Opened and closed without an event.
  const letter = () =>
    sql`INSERT INTO settlement.dead_letters (ledger_id, token_id, account_id, through_position, reason, opened_at)
      SELECT a.ledger_id, a.token_id, a.account_id, h.position, 'refused', now()
      FROM ledger.accounts a JOIN ledger.head h USING (ledger_id) WHERE a.user_id = ${user}`.execute(api.db)
  await letter()
  expect(await balance()).toMatchObject({ sync_status: "error", sync_error: "refused" })
  await remember()
  await sql`
    UPDATE settlement.dead_letters SET closed_at = now(), outcome = 'retried', closed_by = 'test'`.execute(
    api.db,
  )
  expect(await balance()).toMatchObject({ sync_status: "synced", source: "database" })
})

it("is forgotten where the log is not the one that it is of any more", async () => {
  await remember()
  const owner = api.openAsOwner()
  const flip = () =>
    sql`UPDATE ledger.head SET hash = set_byte(hash, 0, 255 - get_byte(hash, 0)) WHERE ledger_id = ${api.app.ledgerId}`.execute(
      owner,
    )
  await flip()
  expect((await balance()).source).toBe("database")
  await flip()
  expect((await balance()).source).toBe("database")
  await owner.destroy()
  await remember()
})

it("does not remember what was read before a change that it has heard of", async () => {
  const pool = createReadPool({
    databaseUrl: api.database.appUrl,
    applicationName: "test",
    connectionsMax: 3,
  })
  const held = Promise.withResolvers<void>()
  const isRead = Promise.withResolvers<void>()
  let isHolding = false
  // The answer of the database is under way for a long time.
  const query = async (statement: pg.QueryConfig) => {
    const result = await pool.query(statement)
    if (isHolding && statement.name === "api-user-accounts") {
      isRead.resolve()
      await held.promise
    }
    return result
  }
  const balances = createUserBalances({ pool: { query } as unknown as pg.Pool, usersMax: 10 })
  const pendingOf = async (of: string) => {
    const { accounts, source } = await balances.read(api.app.ledgerId, of, false)
    return [accounts[0]?.pending, source]
  }
  const neighbour = `${user}_neighbour`
  await api.fund(neighbour, "1")
  await expect.poll(async () => (await pendingOf(neighbour))[1]).toBe("cache")

  isHolding = true
  const early = pendingOf(user)
  await isRead.promise
  await adjustElsewhere(user, "+5")
  // The memory hears of it by what it asks for somebody else.
  expect((await pendingOf(neighbour))[1]).toBe("cache")
  isHolding = false
  held.resolve()
  expect(await early).toEqual([10n * 10n ** 18n, "database"])
  expect(await pendingOf(user)).toEqual([15n * 10n ** 18n, "database"])
  expect(await pendingOf(user)).toEqual([15n * 10n ** 18n, "cache"])
  await pool.end()
})

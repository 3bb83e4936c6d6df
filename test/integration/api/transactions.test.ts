import { randomUUID } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { sql } from "kysely"
import pg from "pg"
import { afterAll, beforeAll, expect, it } from "vitest"
import { type ApiServer, startApiServer } from "../../../api/api-server.ts"
import { readChainTransfers } from "../../../api/queries/chain-transfers.ts"
import { createWriterPool } from "../../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../../platform/logger.ts"
import { createLoopFixture, type LoopFixture } from "../../support/loop-fixture.ts"
import { seedKey } from "../../support/seed-registry.ts"

const stranger = "0x00000000000000000000000000000000000057a9"

type Row = {
  readonly source: string
  readonly type: string
  readonly amount: string
  readonly status: string
  readonly from_address: string | null
  readonly to_address: string | null
  readonly log_events: readonly { readonly value: string }[] | null
}
type Page = {
  readonly data_source: string
  readonly transactions: readonly Row[]
  readonly pagination: { readonly page_key: string | null; readonly has_more: boolean }
}

let loop: LoopFixture
let server: ApiServer
let apiKey: string
let writerPool: ReturnType<typeof createWriterPool>
beforeAll(async () => {
  loop = await createLoopFixture()
  loop.run()
  const appId = randomUUID()
  await loop.db
    .insertInto("registry.apps")
    .values({ app_id: appId, ledger_id: loop.ledgerId, name: "test" })
    .execute()
  apiKey = await seedKey(loop.db, { appId, ledgerId: loop.ledgerId })
  writerPool = createWriterPool({ databaseUrl: loop.database.appUrl, applicationName: "test-writer" })
  server = await startApiServer({
    db: loop.db,
    writerPool,
    logger: createLogger("api", "silent"),
    host: "127.0.0.1",
    port: 0,
    version: "0.0.0-test",
  })
})
afterAll(async () => {
  await server?.stop()
  await writerPool?.end()
  await loop?.close()
})

async function get(query = "", user = "ann") {
  const response = await fetch(`${server.url}/api/v1/transactions/${user}${query}`, {
    headers: { authorization: `Bearer ${apiKey}` },
  })
  const body = (await response.json()) as { data: Page; errors?: readonly { code: string }[] }
  return { status: response.status, ...body }
}

const unit = (amount: number): string =>
  `${amount < 0 ? "-" : "+"}0.${String(Math.abs(amount)).padStart(18, "0")}`
const said = ({ transactions }: Page) =>
  transactions.map(({ source, type, amount, status }) => [source, type, amount, status])

/** Page by page; `between` happens after the first one. */
async function walk(
  limit: number,
  more: string,
  between = async (): Promise<void> => undefined,
): Promise<Row[]> {
  const rows: Row[] = []
  for (let pageKey: string | null = null, pages = 0; ; pages += 1) {
    const { data } = await get(`?limit=${limit}${more}${pageKey === null ? "" : `&page_key=${pageKey}`}`)
    rows.push(...data.transactions)
    if (pages === 0) await between()
    expect(pages).toBeLessThan(30)
    pageKey = data.pagination.page_key
    if (pageKey === null) return rows
  }
}

it("has the ledger's rows, and of the chain what the ledger has no row of yet", async () => {
  await loop.settle([
    ["ann", 500n],
    ["bob", 300n],
  ])
  await loop.confirmAll()
  // A block's time is the second that it begins in: of the same one, the ledger's row is the later.
  await sleep(1_000 - (Date.now() % 1_000))
  const [ann, bob] = [await loop.addressOf("ann"), await loop.addressOf("bob")]
  await loop.mint(ann, 7n)
  await loop.transferFrom(ann, stranger, 20n)
  await loop.transferFrom(bob, ann, 5n)
  await loop.indexed()

  const { data } = await get()
  expect(data.data_source).toBe("ledger_and_indexer")
  expect(said(data)).toEqual([
    ["chain", "transfer_in", unit(5), "submitted"],
    ["chain", "transfer_out", unit(-20), "submitted"],
    ["chain", "mint", unit(7), "submitted"],
    ["ledger", "reward", unit(500), "confirmed"],
  ])
  expect(data.transactions[0]).toMatchObject({
    from_address: bob.toLowerCase(),
    to_address: ann.toLowerCase(),
    transaction_id: null,
    log_events: [{ event: "Transfer", from: bob.toLowerCase(), value: "5" }],
  })
  const plain = await get("?decode_logs=false")
  expect(plain.data.transactions.map((row) => row.log_events)).toEqual([null, null, null, null])
  expect(said((await get("?status=submitted")).data)).toHaveLength(3)
  expect(said((await get("?status=pending")).data)).toEqual([])
  expect(said((await get("?include_internal=true&status=confirmed")).data)).toEqual(
    expect.arrayContaining([
      ["chain", "settlement", unit(500), "confirmed"],
      ["ledger", "reward", unit(500), "confirmed"],
    ]),
  )
  expect(said((await get("?to_date=2001-01-01T00:00:00Z")).data)).toEqual([])
})

it("shows nothing twice and misses nothing while the ledger records what the list shows of the chain", async () => {
  const before = (await get()).data
  const expected = said(before).map(([, , amount]) => amount)
  const seen = await walk(1, "", async () => {
    // From now on the ledger has rows of the same transfers.
    await loop.confirmAll()
    await loop.adjust([["ann", 1n]])
  })
  expect(seen.map((row) => row.amount)).toEqual(expected)
  expect(seen.map((row) => row.source)).toEqual(["chain", "chain", "chain", "ledger"])

  const after = (await get()).data
  expect(after.transactions.map((row) => row.source)).toEqual(Array.from({ length: 5 }, () => "ledger"))
  expect(said(after).slice(1)).toEqual(
    expect.arrayContaining([
      ["ledger", "deposit", unit(5), "confirmed"],
      ["ledger", "withdrawal", unit(-20), "confirmed"],
      ["ledger", "deposit", unit(7), "confirmed"],
    ]),
  )
  const everything = said((await get("?include_internal=true")).data)
  expect(said({ ...after, transactions: await walk(2, "&include_internal=true") })).toEqual(everything)
})

it("goes on where a search of the chain was ended", async () => {
  const accounts = await sql<{ token_id: number; address: string }>`
    SELECT token_id, address FROM ledger.accounts WHERE user_id = 'ann'`.execute(loop.db)
  const query = {
    ledgerId: loop.ledgerId,
    chainId: loop.chainId,
    accounts: accounts.rows.map((account) => ({ ...account, token: loop.token.address.toLowerCase() })),
    throughPosition: 0n,
    withSettlements: true,
  }
  let below = { blockNumber: 1_000_000n, logIndex: 0 }
  const hashes: string[] = []
  for (let steps = 0; ; steps += 1) {
    const found = await readChainTransfers(loop.db, { ...query, below }, 10, 1)
    if ("unavailable" in found) throw new Error(found.unavailable)
    hashes.push(...found.rows.map((row) => row.transaction_hash))
    if (found.floor === null) break
    expect(steps).toBeLessThan(20)
    below = found.floor
  }
  const all = await readChainTransfers(
    loop.db,
    { ...query, below: { blockNumber: 1_000_000n, logIndex: 0 } },
    10,
  )
  expect(all).toMatchObject({ floor: null })
  expect(hashes).toEqual("rows" in all && all.rows.map((row) => row.transaction_hash))
  expect(hashes).toHaveLength(4)
})

it("refuses a page key that is none, and a user that nobody knows", async () => {
  for (const key of ["bm90LW91cnM", "x".repeat(40)]) {
    expect(await get(`?page_key=${key}`)).toMatchObject({ status: 400, errors: [{ code: "INVALID_CURSOR" }] })
  }
  expect(await get("?page_key=%20")).toMatchObject({ status: 400, errors: [{ code: "INVALID_CURSOR" }] })
  expect(await get("", "nobody")).toMatchObject({ status: 404, errors: [{ code: "UNKNOWN_USER" }] })
})

it("has the ledger's rows alone while the indexer cannot be read, and says so", async () => {
  const begun = await get("?limit=1")
  const owner = async (statement: string) => {
    const client = new pg.Client({ connectionString: loop.database.indexerUrl })
    await client.connect()
    await client.query(statement).finally(() => client.end())
  }
  await owner("ALTER VIEW chain.transfer_event RENAME TO gone")
  await owner("ALTER VIEW chain.head RENAME TO gone_head")
  try {
    const { data } = await get()
    expect(data.data_source).toBe("ledger")
    expect(data.transactions).toHaveLength(5)
    expect(await get(`?page_key=${begun.data.pagination.page_key}`)).toMatchObject({
      status: 503,
      errors: [{ code: "CHAIN_UNAVAILABLE" }],
    })
  } finally {
    await owner("ALTER VIEW chain.gone RENAME TO transfer_event")
    await owner("ALTER VIEW chain.gone_head RENAME TO head")
  }
})

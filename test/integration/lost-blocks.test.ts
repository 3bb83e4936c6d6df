import pg from "pg"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { decideStanding, findStanding, forgetFetched } from "../../cli/roles/lost-blocks.ts"
import { startAnvil } from "../support/anvil.ts"
import { callJsonRpc } from "../support/call-json-rpc.ts"
import type { TestDatabase } from "../support/create-database.ts"
import { createTestDatabase } from "../support/postgres.ts"

const schema = "build-1"
const otherHash = `0x${"ee".repeat(32)}`

let database: TestDatabase
let client: pg.Client
let anvil: Awaited<ReturnType<typeof startAnvil>>
beforeAll(async () => {
  anvil = await startAnvil()
  await callJsonRpc(anvil.rpcUrl, "anvil_mine", ["0x14"])
})
afterAll(() => anvil?.stop())
// What the indexer leaves in the database, as far as it is read.
beforeEach(async () => {
  database = await createTestDatabase()
  client = new pg.Client({ connectionString: database.ownerUrl })
  await client.connect()
  await client.query(`
    CREATE SCHEMA "${schema}";
    CREATE TABLE "${schema}"._ponder_checkpoint (chain_id bigint, safe_checkpoint varchar(75));
    CREATE TABLE "${schema}".log (chain_id bigint, block_number numeric(78, 0), block_hash text);
    CREATE TABLE "${schema}"._reorg__head (chain_id bigint, block_number numeric(78, 0), block_hash text)`)
})
afterEach(async () => {
  await client.end()
  await database.drop()
})

const chain = () => ({ chain_id: 31_337, rpc_urls: [anvil.rpcUrl], polling_interval_ms: 10 })
const find = (of: string | null = schema) => findStanding(client, of, chain())

async function hashOf(block: number): Promise<string> {
  const found = await callJsonRpc(anvil.rpcUrl, "eth_getBlockByNumber", [`0x${block.toString(16)}`, false])
  return (found as { hash: string } | null)?.hash ?? otherHash
}

async function keep(table: "log" | "_reorg__head", block: number, hash?: string, chainId = 31_337) {
  const values = [chainId, block, hash ?? (await hashOf(block))]
  await client.query(`INSERT INTO "${schema}".${table} VALUES ($1, $2, $3)`, values)
}

/** The build will never look at this block or an earlier one again. */
async function safeAt(block: number): Promise<void> {
  const digits = (value: number, length: number) => value.toString().padStart(length, "0")
  const checkpoint = `${digits(1_700_000_000, 10)}${digits(31_337, 16)}${digits(block, 16)}${digits(0, 33)}`
  await client.query(`INSERT INTO "${schema}"._ponder_checkpoint VALUES (31337, $1)`, [checkpoint])
}

async function fetched(block: number, hash?: string, chainId = 31_337): Promise<void> {
  await client.query(`
    CREATE SCHEMA IF NOT EXISTS ponder_sync;
    CREATE TABLE IF NOT EXISTS ponder_sync.blocks (chain_id bigint, number bigint, hash text);
    CREATE TABLE IF NOT EXISTS ponder_sync.factories (id integer)`)
  const values = [chainId, block, hash ?? (await hashOf(block))]
  await client.query("INSERT INTO ponder_sync.blocks VALUES ($1, $2, $3)", values)
}

describe("a build", () => {
  test("that has nothing for good yet stands", async () => {
    await keep("log", 5, otherHash)
    expect(await find()).toBe("standing")
    expect(await find(null)).toBe("standing")
  })

  test.each(["log", "_reorg__head"] as const)(
    "stands and falls with the newest safe block of %s",
    async (table) => {
      await safeAt(10)
      await keep(table, 9)
      // Above the safe block it follows reorganisations by itself; other chains are others' matter.
      await keep(table, 11, otherHash)
      await keep(table, 10, otherHash, 1)
      expect(await find()).toBe("standing")
      await keep(table, 10, otherHash)
      expect(await find()).toBe("lost")
      expect(await decideStanding(client, schema, chain())).toBe("lost")
    },
  )

  test("whose chain ends below its safe block waits for it, and has lost it after a while", async () => {
    await safeAt(24)
    await keep("log", 15)
    expect(await find()).toBe("missing")
    expect(await decideStanding(client, schema, chain())).toBe("lost")
    const patient = decideStanding(client, schema, { ...chain(), polling_interval_ms: 100 })
    await callJsonRpc(anvil.rpcUrl, "anvil_mine", ["0x5"])
    expect(await patient).toBe("standing")
  })

  test("whose chain ends below its safe block and has another past is lost at once", async () => {
    await safeAt(1_000)
    await keep("log", 15, otherHash)
    expect(await find()).toBe("lost")
  })
})

test("what was fetched is held against the chain for all builds, and is forgotten of one chain alone", async () => {
  await fetched(12)
  await fetched(13, otherHash, 1)
  expect(await find(null)).toBe("standing")
  await fetched(2_000)
  expect(await find(null)).toBe("missing")
  await fetched(14, otherHash)
  expect(await find(null)).toBe("lost")
  await forgetFetched(client, 31_337)
  expect(await find(null)).toBe("standing")
  const { rows } = await client.query("SELECT chain_id, number FROM ponder_sync.blocks")
  expect(rows).toHaveLength(1)
})

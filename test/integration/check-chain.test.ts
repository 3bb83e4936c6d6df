import { createTestClient, http } from "viem"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { checkChain } from "../../cli/stack/check-chain.ts"
import { callRpc } from "../../cli/stack/json-rpc.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { type Anvil, startAnvil } from "../support/anvil.ts"
import type { TestDatabase } from "../support/create-database.ts"
import { createTestDatabase } from "../support/postgres.ts"

let database: TestDatabase
let anvil: Anvil
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())
beforeEach(async () => {
  anvil = await startAnvil({ args: ["--no-mining"] })
})
afterEach(() => anvil.stop())

const hash = async (at: string) =>
  (await callRpc<{ hash: string }>(anvil.rpcUrl, "eth_getBlockByNumber", [at, false])).hash

async function check(genesisHash: string, cursor: { number: number; hash: string } | undefined) {
  const pool = createPool({ databaseUrl: database.ownerUrl, applicationName: "test", connectionsMax: 1 })
  await pool.query("DELETE FROM ledger.chain_cursors")
  await pool.query("DELETE FROM registry.chains")
  await pool.query(
    `INSERT INTO registry.chains VALUES (31337, 'local', 2, 'depth', 1000, 0, $1, NULL, $2, $3)`,
    [genesisHash, `0x${"1".repeat(40)}`, `0x${"2".repeat(64)}`],
  )
  if (cursor !== undefined) {
    await pool.query("INSERT INTO ledger.chain_cursors VALUES (31337, $1, $2, now(), now())", [
      cursor.number,
      cursor.hash,
    ])
  }
  try {
    return await checkChain(createKysely<Database>(pool), anvil.rpcUrl, 31_337, "do this")
  } finally {
    await pool.end()
  }
}

test("a chain that still has the accounted block is good, with and without a cursor", async () => {
  const client = createTestClient({ mode: "anvil", transport: http(anvil.rpcUrl) })
  await client.mine({ blocks: 5 })
  const genesis = await hash("0x0")
  await expect(check(genesis, undefined)).resolves.toEqual({
    genesisHash: genesis,
    head: 5,
    lostTail: null,
  })
  await expect(check(genesis, { number: 4, hash: await hash("0x4") })).resolves.toMatchObject({
    head: 5,
    lostTail: null,
  })
})

test("another first block is another chain", async () => {
  await expect(check(`0x${"9".repeat(64)}`, undefined)).rejects.toMatchObject({
    code: "CHAIN_REPLACED",
    message: expect.stringContaining("bring the old chain back, or do this"),
  })
})

test("a chain that ends before the accounted block, or has another one there, lost its tail: it is gone on with, and somebody is told", async () => {
  const client = createTestClient({ mode: "anvil", transport: http(anvil.rpcUrl) })
  await client.mine({ blocks: 5 })
  const genesis = await hash("0x0")
  await expect(check(genesis, { number: 6, hash: `0x${"6".repeat(64)}` })).resolves.toMatchObject({
    lostTail: expect.stringContaining("ends at block 5, and the ledger has accounted for block 6"),
  })
  await expect(check(genesis, { number: 3, hash: `0x${"6".repeat(64)}` })).resolves.toMatchObject({
    lostTail: expect.stringContaining("has another block 3"),
  })
})

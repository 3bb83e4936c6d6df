import type { Kysely } from "kysely"
import pg, { type Pool } from "pg"
import { type Address, encodeFunctionData, type Hex } from "viem"
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import { startTestChain, type TestChain } from "../../contracts/test/test-chain.ts"
import { deployToken, type TokenFixture } from "../../contracts/test/token-fixture.ts"
import { indexerProgress } from "../../ledger/confirmations/indexer-progress.ts"
import { type ChainLogPage, readChainLog } from "../../ledger/confirmations/read-chain-log.ts"
import { encodeDeltas } from "../../ledger/domain/packed-deltas.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import type { TestDatabase } from "../support/create-database.ts"
import { type Ponder, type PonderOptions, startPonder } from "../support/ponder.ts"
import { createTestDatabase } from "../support/postgres.ts"

const chainId = 31_337
const alice: Address = `0x${"a1".repeat(20)}`
const bob: Address = `0x${"b0".repeat(20)}`
const carol: Address = `0x${"ca".repeat(20)}`

let database: TestDatabase
let chain: TestChain
let token: TokenFixture
let pool: Pool
let db: Kysely<Database>
let ponder: Ponder | undefined
let ponderOptions: PonderOptions

beforeAll(async () => {
  database = await createTestDatabase()
  chain = await startTestChain()
  token = await deployToken(chain)
  pool = createPool({ databaseUrl: database.appUrl, applicationName: "indexer-test", connectionsMax: 4 })
  db = createKysely<Database>(pool)
  ponderOptions = {
    databaseUrl: database.indexerUrl,
    schema: "indexer_test",
    chainId,
    rpcUrl: String(chain.publicClient.transport["url"]),
    tokens: [token.address],
  }
})
afterAll(async () => {
  await ponder?.stop()
  await pool?.end()
  await chain?.stop()
  await database?.drop()
})

const mintData = (to: Address, amount: bigint): Hex =>
  encodeFunctionData({ abi: cpopTokenAbi, functionName: "mint", args: [to, amount] })

const mint = (to: Address, amount: bigint) => chain.send(token.minter, token.address, mintData(to, amount))

/** Waits until the indexer has finished the chain's newest block, by number and hash. */
async function indexed(): Promise<bigint> {
  const block = await chain.publicClient.getBlock()
  await vi.waitFor(
    async () => expect(await indexerProgress(db, chainId)).toMatchObject({ blockHash: block.hash }),
    { timeout: 90_000, interval: 20 },
  )
  return block.number
}

async function page(fromBlock: bigint, toBlock = 1_000_000n, limit = 10_000): Promise<ChainLogPage> {
  const read = await readChainLog(db, { chainId, fromBlock, toBlock, limit })
  if ("unavailable" in read) throw new Error(read.unavailable)
  return read
}

const minted = (read: ChainLogPage) =>
  read.logs.flatMap((log) => (log.kind === "Transfer" ? [log.args.value] : []))

/** Reads without a pause while something happens, and keeps every page that differs from the one before. */
function watch(fromBlock: bigint): { stop(): Promise<ChainLogPage[]> } {
  const pages: ChainLogPage[] = []
  let stopped = false
  const done = (async () => {
    while (!stopped) {
      const read = await readChainLog(db, { chainId, fromBlock, toBlock: 1_000_000n, limit: 10_000 })
      if (!("unavailable" in read)) pages.push(read)
    }
  })()
  return {
    stop: async () => {
      stopped = true
      await done
      return pages
    },
  }
}

test("before its first start the indexer is unavailable, not an error", async () => {
  await expect(indexerProgress(db, chainId)).resolves.toHaveProperty("unavailable")
  await expect(readChainLog(db, { chainId, fromBlock: 0n, toBlock: 9n, limit: 1 })).resolves.toHaveProperty(
    "unavailable",
  )
})

test("every kind of log arrives with its arguments, old ones and new ones", async () => {
  const before = await mint(alice, 1_000n)
  ponder = await startPonder(ponderOptions)
  const deltas = encodeDeltas([
    { address: bob, amount: 2n ** 100n },
    { address: carol, amount: -7n },
    { address: alice, amount: -1n },
  ])
  const settle = await chain.send(
    token.operator,
    token.address,
    encodeFunctionData({ abi: cpopTokenAbi, functionName: "settle", args: [2n ** 200n, deltas] }),
  )
  const cancel = await chain.send(
    token.operator,
    token.address,
    encodeFunctionData({ abi: cpopTokenAbi, functionName: "cancelBatch", args: [9n] }),
  )
  const head = await indexed()

  const { logs, throughBlock } = await page(0n)
  expect(throughBlock).toBe(head)
  const zero = `0x${"00".repeat(20)}`
  const batchId = 2n ** 200n
  expect(logs.map(({ kind, args, blockNumber }) => ({ kind, args, blockNumber }))).toEqual([
    { kind: "Transfer", args: { from: zero, to: alice, value: 1_000n }, blockNumber: before.blockNumber },
    { kind: "Transfer", args: { from: zero, to: bob, value: 2n ** 100n }, blockNumber: settle.blockNumber },
    {
      kind: "DebitSkipped",
      args: { batchId, account: carol, amount: 7n, balance: 0n },
      blockNumber: settle.blockNumber,
    },
    { kind: "Transfer", args: { from: alice, to: zero, value: 1n }, blockNumber: settle.blockNumber },
    {
      kind: "BatchSettled",
      args: { batchId, contentHash: expect.stringMatching(/^0x/), minted: 2n ** 100n, burned: 1n },
      blockNumber: settle.blockNumber,
    },
    { kind: "BatchCancelled", args: { batchId: 9n }, blockNumber: cancel.blockNumber },
  ])
  const settled = await chain.publicClient.getBlock({ blockNumber: settle.blockNumber })
  expect(logs[1]).toMatchObject({
    chainId,
    address: token.address.toLowerCase(),
    blockHash: settled.hash,
    blockTime: Number(settled.timestamp),
    transactionHash: settle.transactionHash,
    logIndex: 0,
  })
})

test("the typed tables hold the same, with mint and burn told apart", async () => {
  const transfers = await pool.query(
    `SELECT kind, "from", "to", amount, token FROM chain.transfer_event ORDER BY block_number, log_index`,
  )
  expect(transfers.rows.map((row) => [row.kind, row.amount])).toEqual([
    ["mint", 1_000n],
    ["mint", 2n ** 100n],
    ["burn", 1n],
  ])
  expect(transfers.rows[0]).toMatchObject({ to: alice, token: token.address.toLowerCase() })
  for (const table of ["batch_settled_event", "debit_skipped_event", "batch_cancelled_event"]) {
    const { rows } = await pool.query(`SELECT batch_id FROM chain.${table}`)
    expect(rows, table).toEqual([{ batch_id: table === "batch_cancelled_event" ? 9n : 2n ** 200n }])
  }
})

test("a page ends with a whole block", async () => {
  const all = await page(0n)
  const [first, second] = all.logs
  if (first === undefined || second === undefined) throw new Error("no logs")
  await expect(page(0n, 1_000n, 1)).resolves.toMatchObject({
    logs: [first],
    throughBlock: first.blockNumber,
  })
  // The second log wanted is the first of four of its block.
  const two = await page(0n, 1_000n, 2)
  expect(two.logs).toHaveLength(5)
  expect(two.throughBlock).toBe(second.blockNumber)
  await expect(page(0n, first.blockNumber, 100)).resolves.toMatchObject({
    logs: [first],
    throughBlock: first.blockNumber,
  })
})

test("a reorg of two blocks replaces their rows, and nothing vouches for the gap between", async () => {
  await mint(bob, 11n)
  await mint(bob, 12n)
  const head = await indexed()
  const fork = head - 1n
  const watching = watch(fork)
  onTestFinished(async () => {
    await watching.stop()
  })
  const transaction = { from: token.minter, to: token.address, gas: "0x40000", data: mintData(carol, 13n) }
  await chain.publicClient.request({
    method: "anvil_reorg",
    params: [2, [[transaction, 0]]],
  } as never)
  expect(await indexed()).toBe(head)
  const replaced = await chain.publicClient.getBlock({ blockNumber: fork })
  const now = await page(fork)
  expect(now.logs).toMatchObject([{ blockHash: replaced.hash, args: { to: carol, value: 13n } }])

  for (const seen of await watching.stop()) {
    const values = minted(seen)
    if (seen.throughBlock < fork) expect(values).toEqual([])
    else expect([[11n], [11n, 12n], [13n]]).toContainEqual(values)
    // Block by block: the old fork's second block brings 12, the new one's nothing.
    if (seen.throughBlock === head && values[0] === 11n) expect(values).toEqual([11n, 12n])
  }
})

test("a crash of the indexer loses nothing, and it vouches for no row while it is gone", async () => {
  const last = await mint(alice, 21n)
  await indexed()
  const before = await page(0n)
  const watching = watch(last.blockNumber)
  onTestFinished(async () => {
    await watching.stop()
  })
  await ponder?.kill()
  const missed = await mint(alice, 22n)
  ponder = await startPonder(ponderOptions)
  await indexed()
  const after = await page(0n)
  expect(after.logs.slice(0, -1)).toEqual(before.logs)
  expect(after.logs.at(-1)).toMatchObject({ blockNumber: missed.blockNumber, args: { value: 22n } })

  const pages = await watching.stop()
  for (const seen of pages) {
    if (seen.throughBlock >= last.blockNumber) expect(minted(seen)[0]).toBe(21n)
    if (seen.throughBlock >= missed.blockNumber) expect(minted(seen)).toEqual([21n, 22n])
  }
})

test("rows that the database lost are noticed with the next block, and a restart brings them back", async () => {
  const kept = await mint(alice, 31n)
  const lost = await mint(alice, 32n)
  await indexed()
  // What a crash of the server leaves of commits that were not yet on disk: no trigger saw them go.
  const owner = new pg.Client({ connectionString: database.ownerUrl })
  await owner.connect()
  await owner.query("SET session_replication_role = replica")
  await owner.query("BEGIN")
  for (const table of ["log", "_reorg__log", "transfer_event", "_reorg__transfer_event"]) {
    await owner.query(`DELETE FROM indexer_test.${table} WHERE block_number = $1`, [lost.blockNumber])
  }
  await owner.query("DELETE FROM indexer_test._reorg__head WHERE block_number = $1", [kept.blockNumber])
  await owner.query("UPDATE indexer_test.head SET block_number = $1, block_hash = $2", [
    kept.blockNumber,
    kept.blockHash,
  ])
  await owner.query("COMMIT")
  await owner.end()

  await mint(alice, 33n)
  await ponder?.ended
  const afterwards = await page(kept.blockNumber)
  expect(afterwards).toMatchObject({ throughBlock: kept.blockNumber })
  expect(minted(afterwards)).toEqual([31n])

  await ponder?.stop()
  ponder = await startPonder(ponderOptions)
  await indexed()
  expect(minted(await page(kept.blockNumber))).toEqual([31n, 32n, 33n])
})

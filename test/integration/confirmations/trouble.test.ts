import { encodeFunctionData, type Hex } from "viem"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { logTopics } from "../../../ledger/confirmations/log-topics.ts"
import { encodeDeltas } from "../../../ledger/domain/packed-deltas.ts"
import { runWorker } from "../../../ledger/run-worker.ts"
import { createLogger } from "../../../platform/logger.ts"
import { createPool } from "../../../platform/postgres.ts"
import { createChainClient } from "../../../platform/rpc/chain-client.ts"
import { createLoopFixture, type LoopFixture } from "../../support/loop-fixture.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { waitUntil } from "../../support/wait-until.ts"

let proxy: RpcFaultProxy
let loop: LoopFixture
beforeAll(async () => {
  loop = await createLoopFixture({
    rpcUrl: async (anvilUrl) => {
      proxy = await startRpcFaultProxy(anvilUrl)
      return proxy.url
    },
  })
  loop.run({ limits: { rebroadcastMs: 300 } })
  await loop.settle([["ann", 500n]])
  await loop.confirmAll()
})
afterAll(async () => {
  await loop?.close()
  await proxy?.close()
})

const openAlarms = async () => (await loop.alarms()).map(({ kind }) => kind)
const findings = async () => (await loop.findings()).length

describe("what is confirmed", () => {
  test("comes in one transaction: where it fails, nothing happened, and the next step does it all", async () => {
    await loop.settle([["ann", 1n]])
    await loop.mine(2)
    await loop.indexed()
    const owner = createPool({
      databaseUrl: loop.database.ownerUrl,
      applicationName: "test",
      connectionsMax: 1,
    })
    await owner.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
      CREATE TRIGGER refuse BEFORE UPDATE ON ledger.chain_cursors FOR EACH ROW EXECUTE FUNCTION refuse()`)
    const before = await findings()
    await expect(loop.step()).rejects.toThrow("no")
    expect(await findings()).toBe(before)
    expect((await loop.batches()).at(-1)?.state).toBe("mined")
    await owner.query("DROP TRIGGER refuse ON ledger.chain_cursors")
    await owner.end()
    await loop.follow()
    expect(await findings()).toBe(before + 1)
    expect(await loop.balance("ann")).toEqual({ pending: 501n, confirmed: 501n })
  })

  test("is confirmed once by many workers at the same time", async () => {
    const before = await findings()
    await loop.settle([
      ["ann", 1n],
      ["bob", 1n],
    ])
    await loop.mint(await loop.addressOf("bob"), 5n)
    await loop.mine(2)
    await loop.indexed()
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => loop.step()))
    expect(outcomes.filter(({ outcome }) => outcome === "confirmed").length).toBeGreaterThan(0)
    await loop.follow()
    expect(await findings()).toBe(before + 2)
    expect(await loop.balance("bob")).toEqual({ pending: 6n, confirmed: 6n })
    expect(await loop.verify()).toMatchObject({ ok: true })
  })

  test("waits for the chain's safe block where the chain is configured so", async () => {
    await loop.settle([["ann", 1n]])
    await loop.mine(3)
    await loop.indexed()
    const isConfirmed = async () => (await loop.batches()).at(-1)?.state === "confirmed"
    const stepTo = (blocks: number) =>
      loop.mine(blocks).then(async () => {
        await loop.indexed()
        await loop.step({ finality: "safe" })
      })
    await stepTo(1)
    expect(await isConfirmed()).toBe(false)
    // anvil calls the block safe that is 32 below the newest one.
    await stepTo(32)
    expect(await isConfirmed()).toBe(true)
  })
})

describe("an indexer that cannot be believed", () => {
  test("with a log missing holds confirmations back and raises an alarm, until the log is there", async () => {
    const before = await findings()
    await loop.settle([["ann", -1n]])
    await loop.mine(2)
    const head = await loop.indexed()
    const pool = createPool({
      databaseUrl: loop.database.ownerUrl,
      applicationName: "test",
      connectionsMax: 1,
    })
    // Ponder's own triggers need what its connections have.
    await pool.query("SET session_replication_role = replica")
    const taken = await pool.query(
      `DELETE FROM indexer_test.log WHERE id = (SELECT id FROM indexer_test.log WHERE kind = 'Transfer' ORDER BY block_number DESC LIMIT 1) RETURNING *`,
    )
    await expect(loop.step()).resolves.toMatchObject({ outcome: "waiting" })
    expect(await findings()).toBe(before)
    expect(await openAlarms()).toContain("indexer_disagrees")
    const [row] = taken.rows as Record<string, unknown>[]
    const columns = Object.keys(row ?? {})
    await pool.query(
      `INSERT INTO indexer_test.log (${columns.join(", ")}) VALUES (${columns.map((_, index) => `$${index + 1}`).join(", ")})`,
      columns.map((column) =>
        column === "args" ? JSON.stringify(row?.[column]) : (row?.[column] as string),
      ),
    )
    await pool.end()
    expect(await loop.chain.getBlockNumber()).toBe(head)
    await loop.follow()
    expect(await findings()).toBe(before + 1)
    expect(await openAlarms()).not.toContain("indexer_disagrees")
  })

  test("with another amount than the endpoints agree on credits nobody, until it says what they say", async () => {
    const before = await findings()
    await loop.settle([["ann", 1n]])
    await loop.mine(2)
    await loop.indexed()
    const pool = createPool({
      databaseUrl: loop.database.ownerUrl,
      applicationName: "test",
      connectionsMax: 1,
    })
    await pool.query("SET session_replication_role = replica")
    const say = (value: string) =>
      pool.query(
        `UPDATE indexer_test.log SET args = args::jsonb || jsonb_build_object('value', $1::text)
         WHERE id = (SELECT id FROM indexer_test.log WHERE kind = 'Transfer' ORDER BY block_number DESC LIMIT 1)`,
        [value],
      )
    await say("1000")
    await expect(loop.step()).resolves.toMatchObject({
      outcome: "waiting",
      reason: expect.stringMatching(/log \d+ of block \d+ says something else/),
    })
    expect(await findings()).toBe(before)
    expect(await openAlarms()).toContain("indexer_disagrees")
    await say("1")
    await pool.end()
    await loop.follow()
    expect(await findings()).toBe(before + 1)
    expect(await openAlarms()).not.toContain("indexer_disagrees")
  })

  test("about what an account received before anybody knew it, credits nothing that the endpoints do not have", async () => {
    await loop.mint(await loop.addressOf("late"), 5n)
    await loop.confirmAll()
    const pool = createPool({
      databaseUrl: loop.database.ownerUrl,
      applicationName: "test",
      connectionsMax: 1,
    })
    await pool.query("SET session_replication_role = replica")
    const address = await loop.addressOf("late")
    const say = (amount: string) =>
      pool.query(`UPDATE indexer_test.transfer_event SET amount = $1 WHERE "to" = $2`, [amount, address])
    expect((await say("1000")).rowCount).toBe(1)
    await loop.adjust([["late", 1n]])
    await expect(loop.step()).resolves.toMatchObject({
      outcome: "waiting",
      reason: expect.stringContaining("is not what the chain's endpoints say"),
    })
    expect(await loop.balance("late")).toEqual({ pending: 1n, confirmed: 0n })
    await say("5")
    await pool.end()
    await loop.follow()
    expect(await loop.balance("late")).toEqual({ pending: 6n, confirmed: 5n })
  })

  test("killed and started again while its rows are not final loses and doubles nothing", async () => {
    const before = await findings()
    await loop.settle([["ann", 2n]])
    await loop.indexed()
    await loop.killPonder()
    await loop.settle([["bob", 3n]])
    await loop.mine(2)
    // Its head is behind the chain: the blocks that it has not seen are not confirmed.
    await loop.step()
    expect(await findings()).toBeLessThanOrEqual(before + 1)
    await loop.startPonder()
    await loop.follow()
    expect(await findings()).toBe(before + 2)
    expect((await loop.compare()).filter(({ ledger, chain }) => ledger !== chain)).toEqual([])
    expect(await loop.verify()).toMatchObject({ ok: true })
  })
})

test("logs of a token that cannot be read, or are none of a token's, stop nothing", async () => {
  const { address } = loop.token
  const code = await loop.rpc("eth_getCode", address, "latest")
  // PUSH32 topic PUSH0 PUSH0 LOG1, for each name.
  const named = logTopics.map((topic) => `7f${topic.slice(2)}5f5fa1`).join("")
  await loop.rpc("anvil_setCode", address, `0x${named}00`)
  await loop.token.sendAsAdmin("0x")
  await loop.rpc("anvil_setCode", address, code)
  const before = await findings()
  await loop.settle([["ann", 1n]])
  await loop.indexed()
  await loop.confirmAll()
  expect(await findings()).toBe(before + 1)
  expect(await openAlarms()).not.toContain("indexer_disagrees")
})

describe("endpoints", () => {
  test("that do not answer stop confirmations with an error that says so, and nothing else", async () => {
    proxy.set("eth_getBlockByNumber", { fault: "status", status: 503 })
    await expect(loop.step()).rejects.toMatchObject({ code: "RPC_UNAVAILABLE", retryable: true })
    proxy.clear()
    await waitUntil(async () => (await loop.step().catch(() => undefined))?.outcome === "idle", {
      what: "the endpoint is asked again",
    })
  })

  test("that name another hash than the indexer's keep confirmations waiting", async () => {
    await loop.settle([["ann", 1n]])
    await loop.mine(2)
    const head = await loop.indexed()
    const block = await loop.rpc("eth_getBlockByNumber", `0x${head.toString(16)}`, false)
    const before = await findings()
    // The cursor's block is read first, as it is; each later one has a hash that the indexer does not know.
    const step = async () => {
      const cursor = await loop.db.selectFrom("ledger.chain_cursors").selectAll().executeTakeFirstOrThrow()
      const lying = {
        ...loop.view,
        block: async (number: bigint) => {
          const found = await loop.view.block(number)
          return found === null || number <= cursor.block_number
            ? found
            : { ...found, hash: `0x${"ee".repeat(32)}` as Hex }
        },
      }
      return loop.step({}, lying)
    }
    expect(block).not.toBeNull()
    expect(await step()).toMatchObject({ outcome: "waiting" })
    expect(await findings()).toBe(before)
    await loop.follow()
    expect(await findings()).toBe(before + 1)
  })
})

describe("a batch on our token that no ledger sealed", () => {
  const settle = (batchId: bigint, deltas: Hex) =>
    loop.token.sendAsAdmin(
      encodeFunctionData({ abi: cpopTokenAbi, functionName: "settle", args: [batchId, deltas] }),
    )

  test("credits nobody, pauses the lane and raises an alarm", async () => {
    const before = await findings()
    const ann = await loop.addressOf("ann")
    const balance = await loop.balance("ann")
    await settle(2n ** 250n, encodeDeltas([{ address: ann, amount: 1_000n }]))
    await loop.confirmAll()
    expect(await findings()).toBe(before)
    expect(await loop.balance("ann")).toEqual(balance)
    // Whose batch it was nobody knows; whose lane is paused, everybody knows of his own.
    const alarms = (await loop.alarms()).map(({ kind, ledger_id }) => [kind, ledger_id])
    expect(alarms).toContainEqual(["unknown_batch", null])
    expect(alarms).toContainEqual(["lane_paused", loop.ledgerId])
    const lane = await loop.db.selectFrom("settlement.lanes").selectAll().executeTakeFirstOrThrow()
    expect(lane.paused_reason).toContain("no ledger here sealed")
    await loop.resume()
  })

  test("nor does one of ours with other content than we sealed", async () => {
    const before = await findings()
    await loop.token.callAsAdmin("pause")
    await loop.adjust([["ann", 4n]])
    await loop.flush()
    const batch = await waitUntil(
      async () => {
        const newest = (await loop.batches()).at(-1)
        return newest !== undefined && newest.state !== "confirmed" && newest
      },
      { what: "a batch is sealed that cannot be settled", describe: loop.batches },
    )
    // After its last retry nobody of ours tries it any more.
    const lane = () => loop.db.selectFrom("settlement.lanes").selectAll().executeTakeFirstOrThrow()
    await waitUntil(async () => (await lane()).paused_at !== null, {
      what: "the lane is stopped",
      describe: loop.batches,
    })
    await loop.token.callAsAdmin("unpause")
    await settle(BigInt(batch.batch_id), encodeDeltas([{ address: await loop.addressOf("eve"), amount: 4n }]))
    await loop.confirmAll()
    expect(await findings()).toBe(before)
    expect((await loop.alarms()).map(({ kind, ledger_id }) => [kind, ledger_id])).toContainEqual([
      "unknown_batch",
      loop.ledgerId,
    ])
  })
})

describe("the worker", () => {
  test("follows by itself, says where it is, and stops", async () => {
    const worker = runWorker({
      db: loop.db,
      databaseUrl: loop.database.appUrl,
      logger: createLogger("test", "silent"),
      chains: new Map([[loop.chainId, createChainClient({ chainId: loop.chainId, urls: [proxy.url] })]]),
    })
    const before = await loop.balance("ann")
    await loop.mint(await loop.addressOf("ann"), 77n)
    await loop.mine(2)
    await waitUntil(async () => (await loop.balance("ann")).confirmed === before.confirmed + 77n, {
      what: "the deposit is confirmed",
      describe: async () => worker.status(),
    })
    // Between a block's arrival here and in the indexer it waits for a moment.
    await waitUntil(async () => worker.status().chains.every((chain) => chain.waiting_for === null), {
      what: "the worker has nothing to wait for",
      describe: async () => worker.status(),
    })
    expect(worker.status().chains).toMatchObject([{ chain_id: 31_337, confirmed_block: expect.any(String) }])
    await worker.stop()
    await loop.mint(await loop.addressOf("ann"), 1n)
    await loop.mine(2)
    await loop.indexed()
    expect((await loop.balance("ann")).confirmed).toBe(before.confirmed + 77n)
  })
})

test("an indexer that does not read a token yet has the accounts of that token wait, not lose their past", async () => {
  const address = `0x${"d1".repeat(20)}` as const
  const known = await loop.db.selectFrom("registry.tokens").selectAll().executeTakeFirstOrThrow()
  const { token_id: tokenId } = await loop.db
    .insertInto("registry.tokens")
    .values({
      chain_id: known.chain_id,
      token_address: address,
      symbol: "NEW",
      name: "new",
      decimals: 18,
      features: known.features,
      settlement_mode: known.settlement_mode,
      start_block: 0n,
      is_default: true,
      strategy: JSON.stringify(known.strategy),
      drift_threshold: 0n,
    })
    .returning("token_id")
    .executeTakeFirstOrThrow()
  await loop.follow()
  await loop.adjust([["ann", 1n]], { tokenId })
  const tokens = [...loop.followed.tokens, { tokenId, tokenAddress: address, treasury: null }]
  await loop.indexed()
  const result = await loop.step({ tokens })
  expect(result).toMatchObject({ outcome: "waiting" })
  expect("reason" in result && result.reason).toContain(address)
})

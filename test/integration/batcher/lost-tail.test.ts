import { createWalletClient, type Hex, http } from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

describe("a chain that lost its newest blocks", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture()
  })
  afterEach(() => fixture.close())

  const count = async () => fixture.chain.getTransactionCount({ address: fixture.token.operator as Hex })
  const rollBackTo = async (blockNumber: bigint) =>
    fixture.rpc("anvil_rollback", Number((await fixture.chain.getBlockNumber()) - blockNumber))

  /** What the chain has up to its newest block, so that it can be brought back. */
  async function readDeployment(): Promise<Hex[]> {
    const raw: Hex[] = []
    for (let number = 1n; number <= (await fixture.chain.getBlockNumber()); number += 1n) {
      const { transactions } = await fixture.chain.getBlock({ blockNumber: number })
      for (const hash of transactions)
        raw.push((await fixture.rpc("eth_getRawTransactionByHash", hash)) as Hex)
    }
    return raw
  }

  async function deployAgain(transactions: readonly Hex[]): Promise<void> {
    await fixture.rpc("anvil_setBalance", fixture.token.admin, "0x56bc75e2d63100000")
    for (const raw of transactions) await fixture.rpc("eth_sendRawTransaction", raw)
    // anvil answers before it has mined.
    await waitUntil(
      async () => (await fixture.chain.getCode({ address: fixture.token.address })) !== undefined,
      { what: "the token is there again" },
    )
  }

  async function settle(user: string, amount: bigint): Promise<void> {
    await fixture.adjust([[user, amount]])
    await fixture.flush()
  }

  async function expectSettledOnce(): Promise<void> {
    const batches = await fixture.batches()
    await fixture.batchesIn("mined", batches.length, 30_000)
    expect(await fixture.settledCounts()).toEqual(new Map(batches.map(({ batch_id }) => [batch_id, 1])))
    expect((await fixture.compare()).filter(({ ledger, chain }) => ledger !== chain)).toEqual([])
  }

  it("gets the stored bytes again, of what was confirmed too, in the order of their nonces", async () => {
    const batcher = fixture.run()
    const start = await fixture.chain.getBlockNumber()
    for (const [index, user] of ["ann", "bob", "ann"].entries()) {
      await settle(user, 5n)
      await waitUntil(async () => (await fixture.batches())[index]?.state === "mined", {
        what: "it is mined",
      })
      // As the worker would; the last one it has not come to.
      if (index < 2) await fixture.confirm()
    }
    await fixture.stop(batcher)
    const before = await fixture.transactions()
    await rollBackTo(start)
    expect(await fixture.settledCounts()).toEqual(new Map())
    fixture.run()
    await waitUntil(async () => (await fixture.settledCounts()).size === 3, {
      what: "all of it is on the chain again",
      describe: fixture.batches,
    })
    expect([...(await fixture.settledCounts()).values()]).toEqual([1, 1, 1])
    expect((await fixture.compare()).filter(({ ledger, chain }) => ledger !== chain)).toEqual([])
    expect((await fixture.transactions()).map(({ raw }) => raw)).toEqual(before.map(({ raw }) => raw))
  })

  it("gets transactions that do nothing for the signer's nonces from before it was ours", async () => {
    const start = await fixture.chain.getBlockNumber()
    const operator = privateKeyToAccount(fixture.token.operatorKey)
    const wallet = createWalletClient({ account: operator, transport: http(fixture.anvil.rpcUrl) })
    for (let nonce = 0; nonce < 2; nonce += 1)
      await wallet.sendTransaction({ to: operator.address, value: 1n, nonce, chain: null })
    await fixture.configure({ replace_after_ms: 4_000n })
    fixture.run()
    await settle("ann", 7n)
    await fixture.batchesIn("mined", 1)
    expect(await count()).toBe(3)
    await rollBackTo(start)
    await waitUntil(async () => (await fixture.batches())[0]?.state === "broadcast", {
      what: "the block of the batch is gone",
    })
    expect(await count()).toBe(0)
    // Whoever made them has some time to bring them back.
    expect(await fixture.db.selectFrom("settlement.fillers").selectAll().execute()).toEqual([])
    await fixture.rpc("anvil_mine", "0x3")
    await expectSettledOnce()
    const fillers = await fixture.db
      .selectFrom("settlement.fillers")
      .select(["nonce", "attempt"])
      .orderBy("nonce")
      .execute()
    expect(fillers).toEqual([
      { nonce: 0n, attempt: 1 },
      { nonce: 1n, attempt: 1 },
    ])
    expect(await fixture.transactions()).toHaveLength(1)
    expect(await fixture.alarms()).toEqual([])
  })

  it("and the token with them: nothing is sent until it is there again, and somebody is told", async () => {
    const deployment = await readDeployment()
    fixture.run()
    await settle("ann", 7n)
    await fixture.batchesIn("mined", 1)
    await rollBackTo(0n)
    await fixture.rpc("anvil_setBalance", fixture.token.operator, "0x56bc75e2d63100000")
    const missing = () =>
      fixture.alarms().then((open) => open.filter(({ kind }) => kind === "contract_missing"))
    await waitUntil(async () => (await missing()).length === 1, { what: "there is an alarm" })
    expect((await missing())[0]?.message).toContain(`no contract at ${fixture.token.address}`)
    await settle("bob", 5n)
    await fixture.rpc("anvil_mine", "0x3")
    await waitUntil(async () => (await fixture.batches()).length === 2, { what: "bob's batch is sealed" })
    expect(await count()).toBe(0)
    await deployAgain(deployment)
    await expectSettledOnce()
    expect(await missing()).toEqual([])
    expect(await fixture.transactions()).toHaveLength(2)
  })

  it("and the token with them, while bytes for it were mined: they did nothing, and the batch gets another nonce", async () => {
    const deployment = await readDeployment()
    const batcher = fixture.run()
    await settle("ann", 7n)
    await fixture.batchesIn("mined", 1)
    await fixture.stop(batcher)
    const [first] = await fixture.transactions()
    await rollBackTo(0n)
    await fixture.rpc("anvil_setBalance", fixture.token.operator, "0x56bc75e2d63100000")
    await fixture.rpc("eth_sendRawTransaction", first?.raw)
    expect(await fixture.chain.waitForTransactionReceipt({ hash: first?.hash as Hex })).toMatchObject({
      status: "success",
      logs: [],
    })
    await deployAgain(deployment)
    await fixture.rpc("anvil_mine", "0x4")
    fixture.run()
    await waitUntil(async () => (await fixture.transactions()).length === 2, {
      what: "it has another nonce",
      describe: fixture.batches,
    })
    await expectSettledOnce()
    expect((await fixture.transactions()).map(({ nonce }) => nonce)).toEqual([0n, 1n])
  })
})

describe("the database", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture()
  })
  afterEach(() => fixture.close())

  it("lets nobody fill a nonce that has its call, or was never given out", async () => {
    fixture.run()
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    const fill = (nonce: bigint) =>
      fixture.db
        .insertInto("settlement.fillers")
        .values({
          ...{ chain_id: fixture.chainId, signer: fixture.token.operator, nonce, attempt: 1 },
          ...{ hash: `0x${"ab".repeat(32)}`, raw: "0x02", saved_at: new Date() },
        })
        .execute()
    await expect(fill(0n)).rejects.toThrow(/nonce 0 .* has its call/)
    await expect(fill(1n)).rejects.toThrow(/nonce 1 .* was not given out/)
  })
})

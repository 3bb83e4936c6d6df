import { encodeFunctionData, type Hex } from "viem"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { stepsOfEveryCall } from "../../../batcher/batcher-context.ts"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { blockCall, deployBlockingToken } from "../../support/deploy-blocking-token.ts"
import { type RpcFaultRule, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { sampled } from "../../support/sampled.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

const send = "eth_sendRawTransaction"

describe.each(["settle", "batch-mint-burn"] as const)("a token of the mode %s", (mode) => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture({ mode, deploy: deployBlockingToken })
  })
  afterEach(() => fixture.close())

  const letters = () => fixture.db.selectFrom("settlement.dead_letters").selectAll().execute()
  const addressOf = async (user: string) => {
    const { address } = await fixture.db
      .selectFrom("ledger.accounts")
      .select("address")
      .where("user_id", "=", user)
      .executeTakeFirstOrThrow()
    return address as Hex
  }
  /** Mines and confirms until the chain has what the ledger has, which is said in numbers. */
  async function settleAll(balances: Readonly<Record<string, bigint>>): Promise<void> {
    await waitUntil(
      async () => {
        await fixture.flush()
        await fixture.confirm()
        const isOver = (await fixture.batches()).every(
          ({ state }) => state === "confirmed" || state === "dead_letter",
        )
        return isOver && (await fixture.compare()).every(({ ledger, chain }) => ledger === chain)
      },
      { what: "all is settled and confirmed", describe: () => fixture.batches(), timeoutMs: 30_000 },
    )
    const found = (await fixture.compare()).map(({ user, chain }) => [user, chain])
    expect(Object.fromEntries(found)).toEqual(balances)
  }

  /** No nonce twice, none left out. */
  async function expectPlainNonces(): Promise<void> {
    const nonces = (await fixture.transactions()).map(({ nonce }) => nonce)
    expect(nonces).toEqual(nonces.map((_, index) => BigInt(index)))
    const { operator } = fixture.token
    expect(await fixture.chain.getTransactionCount({ address: operator })).toBe(nonces.length)
  }

  it("ends with the same balances after the same workload", async () => {
    fixture.run()
    const days: (readonly (readonly [string, bigint])[])[] = [
      [
        ["ann", 1_000n],
        ["bob", 500n],
        ["ann", -1n],
        ["cleo", 2n ** 90n],
      ],
      [
        ["ann", -99n],
        ["bob", 500n],
        ["dora", 7n],
        ["cleo", -(2n ** 89n)],
      ],
      [
        ["bob", -1_000n],
        ["dora", 3n],
        ["dora", -3n],
        ["ann", 100n],
      ],
    ]
    const balances: Record<string, bigint> = {}
    for (const day of days) {
      await fixture.adjust(day)
      for (const [user, amount] of day) balances[user] = (balances[user] ?? 0n) + amount
      await settleAll(balances)
    }
    expect(balances).toEqual({ ann: 1_000n, bob: 0n, cleo: 2n ** 89n, dora: 7n })
    await expectPlainNonces()
    await waitUntil(
      async () =>
        (await fixture.batches()).every(
          ({ gas_used, single_gas_recipients: single }) => (gas_used ?? 0n) > 0n && (single ?? 0n) > 0n,
        ),
      { what: "what each batch saved is accounted", describe: () => fixture.batches(), timeoutMs: 30_000 },
    )
    expect(await fixture.alarms()).toEqual([])
    expect(await verifyLedger(fixture.db, fixture.ledgerId)).toMatchObject({ ok: true })
    const calls = new Set((await fixture.batches()).map(({ batch_call }) => batch_call))
    expect(calls).toEqual(new Set(mode === "settle" ? ["settle"] : ["batch_mint", "batch_burn"]))
  })

  it("settles the others without the one whom the token has blocked, in credits and in debits", async () => {
    await fixture.adjust([
      ["ann", 100n],
      ["bob", 50n],
      ["cleo", 5n],
    ])
    await fixture.token.sendAsAdmin(blockCall(await addressOf("bob"), true))
    fixture.run()
    await fixture.flush()
    await waitUntil(async () => (await letters()).length === 1, { what: "there is a dead letter" })
    expect(await letters()).toMatchObject([
      { reason: expect.stringMatching(/Blocked|execution reverted|custom error/i), outcome: null },
    ])
    const isOver = async () => {
      await fixture.confirm()
      const isConfirmed = (await fixture.batches()).every(
        ({ state }) => state === "confirmed" || state === "dead_letter",
      )
      const isOf = ({ user, ledger, chain }: { user: string; ledger: bigint; chain: bigint }) =>
        user === "bob" || ledger === chain
      return isConfirmed && (await fixture.compare()).every(isOf)
    }
    await waitUntil(isOver, { what: "the others are settled and confirmed" })
    await fixture.token.sendAsAdmin(blockCall(await addressOf("cleo"), true))
    await fixture.adjust([
      ["ann", -1n],
      ["cleo", -1n],
    ])
    await fixture.flush()
    await waitUntil(async () => (await letters()).length === 2, { what: "there is a second dead letter" })
    const compare = async () => (await fixture.compare()).map(({ user, chain }) => [user, chain])
    await waitUntil(async () => (await compare())[0]?.[1] === 99n, { what: "ann has paid" })
    expect(await compare()).toEqual([
      ["ann", 99n],
      ["bob", 0n],
      ["cleo", 5n],
    ])
    expect(await verifyLedger(fixture.db, fixture.ledgerId)).toMatchObject({ ok: true })
  })

  it("waits where everybody is refused, and takes nothing apart", async () => {
    // The third failure, which stops the lane, comes nine seconds after the first one.
    await fixture.db
      .updateTable("registry.tokens")
      .set({ strategy: JSON.stringify({ ...fixture.strategy, retry_interval_ms: 3_000 }) })
      .execute()
    await fixture.adjust([["ann", 100n]])
    const batcher = fixture.run()
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    await fixture.confirm()
    await fixture.token.callAsAdmin("pause")
    await fixture.adjust([["ann", -1n]])
    await fixture.flush()
    await waitUntil(async () => ((await fixture.batches())[1]?.failures ?? 0) >= 1, { what: "it fails" })
    await fixture.token.callAsAdmin("unpause")
    await settleAll({ ann: 99n })
    expect(await letters()).toEqual([])
    expect(await fixture.batches()).toHaveLength(2)
    await fixture.stop(batcher)
  })

  it("defers a debit that its address cannot pay, and lets the others pay theirs", async () => {
    fixture.run()
    await fixture.adjust([
      ["ann", 100n],
      ["bob", 50n],
    ])
    await settleAll({ ann: 100n, bob: 50n })
    // Bob takes his tokens away, and nobody has confirmed it yet.
    const bob = await addressOf("bob")
    await fixture.rpc("anvil_impersonateAccount", bob)
    await fixture.rpc("anvil_setBalance", bob, "0xde0b6b3a7640000")
    const args = [fixture.token.admin, 50n] as const
    const data = encodeFunctionData({ abi: cpopTokenAbi, functionName: "transfer", args })
    await fixture.rpc("eth_sendTransaction", { from: bob, to: fixture.token.address, data })
    await fixture.adjust([
      ["ann", -10n],
      ["bob", -20n],
    ])
    await fixture.flush()
    await waitUntil(async () => (await fixture.compare())[0]?.chain === 90n, {
      what: "ann has paid",
      describe: () => fixture.batches(),
    })
    expect((await letters()).filter(({ closed_at }) => closed_at === null)).toEqual([])
    if (mode === "settle") return
    const item = await fixture.db
      .selectFrom("settlement.batch_items")
      .select(["state", "deferrals", "deferred_block"])
      .where("amount", "=", -20n)
      .executeTakeFirstOrThrow()
    expect(item).toEqual({ state: "waiting", deferrals: 1, deferred_block: expect.any(BigInt) })
    expect(await fixture.alarms()).toEqual([])
    expect(await verifyLedger(fixture.db, fixture.ledgerId)).toMatchObject({ ok: true })
  })

  it.each(sampled(stepsOfEveryCall, 3))(
    "loses nothing and settles nothing twice when it is killed at %s",
    async (step) => {
      await fixture.adjust([
        ["ann", 1_000n],
        ["bob", 500n],
        ["ann", -1n],
      ])
      await fixture.flush()
      const first = fixture.spawn({ dieAt: step })
      expect(await first.ended, first.log()).toBe("SIGKILL")
      fixture.spawn()
      await fixture.batchesIn("mined", 1)
      expect(await fixture.compare()).toMatchObject([{ chain: 999n }, { chain: 500n }])
      await expectPlainNonces()
    },
  )

  const answers: readonly (readonly [string, RpcFaultRule])[] = [
    ["an answer that never comes, though the transaction arrived", { fault: "swallow_answer" }],
    ["a connection that breaks, though the transaction arrived", { fault: "cut_answer" }],
    ["'already known'", { fault: "error", code: -32000, message: "already known", isForwarded: true }],
    [
      "'nonce too low', and it is mined",
      { fault: "error", code: -32000, message: "nonce too low", isForwarded: true },
    ],
    [
      "'nonce too low', and it is not",
      { fault: "error", code: -32000, message: "nonce too low", isForwarded: false },
    ],
    ["a page for people", { fault: "html" }],
  ]
  it.each(sampled(answers, 3))("settles once after %s", async (_, rule) => {
    const proxy = await startRpcFaultProxy(fixture.anvil.rpcUrl)
    try {
      proxy.set(send, rule, 1)
      fixture.run({ rpcUrls: [proxy.url] })
      await fixture.adjust([
        ["ann", 1_000n],
        ["bob", 500n],
      ])
      await fixture.flush()
      await fixture.batchesIn("mined", 1)
      expect(await fixture.compare()).toMatchObject([{ chain: 1_000n }, { chain: 500n }])
      await expectPlainNonces()
      expect(await fixture.alarms()).toEqual([])
    } finally {
      await proxy.close()
    }
  })
})

import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { deployBlockingToken, feeCall } from "../../support/deploy-blocking-token.ts"
import { createLoopFixture, type LoopFixture } from "../../support/loop-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

// The indexer may take a minute over a block that is replaced while it reads it: see the fixture.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 })

let loop: LoopFixture
beforeAll(async () => {
  loop = await createLoopFixture({ settlement: { mode: "batch-mint-burn", deploy: deployBlockingToken } })
  loop.run({ limits: { rebroadcastMs: 300 } })
})
afterAll(async () => loop?.close())

const types = async () => (await loop.findings()).map(({ type }) => type)
const balances = async () => [await loop.balance("ann"), await loop.balance("bob")]

test("batches are confirmed by the logs of their own transactions, and by nothing before these are deep", async () => {
  await loop.settle([
    ["ann", 500n],
    ["bob", 300n],
  ])
  await loop.indexed()
  await loop.follow()
  expect(await types()).toEqual([])
  await loop.confirmAll()
  await loop.settle([["ann", -100n]])
  await loop.confirmAll()
  expect(await types()).toEqual(["SettlementConfirmed", "SettlementConfirmed"])
  expect((await loop.findings())[0]?.data).toMatchObject({
    log_index: 0,
    transaction_hash: (await loop.batches())[0]?.tx_hash,
    accounts: [{ amount: "500", settled: "500" }, { amount: "300" }],
  })
  expect(await balances()).toEqual([
    { pending: 400n, confirmed: 400n },
    { pending: 300n, confirmed: 300n },
  ])
  expect(await loop.alarms()).toEqual([])
  expect(await loop.verify()).toMatchObject({ ok: true })
})

test("a reorganisation gives a batch back, which is settled again by the same nonce", async () => {
  await loop.settle([["ann", 50n]])
  await loop.confirmAll()
  const batch = (await loop.batches()).at(-1)
  const before = (await types()).length
  const transactions = (await loop.transactions()).length
  const head = await loop.chain.getBlockNumber()
  const mined = Number((await loop.indexed()) - head)
  await loop.rpc("anvil_reorg", Number(head - (batch?.block_number ?? 0n)) + 1 + mined, [])
  await loop.indexed()
  await waitUntil(
    async () => {
      await loop.step()
      return (await types()).includes("ConfirmationRevoked")
    },
    { what: "it is taken back", timeoutMs: 90_000 },
  )
  await waitUntil(async () => (await loop.batches()).at(-1)?.state === "mined", {
    what: "it is mined again",
    describe: loop.batches,
    timeoutMs: 60_000,
  })
  await loop.confirmAll()
  expect((await types()).slice(before)).toEqual(["ConfirmationRevoked", "SettlementConfirmed"])
  expect(await loop.transactions()).toHaveLength(transactions)
  expect((await loop.compare()).filter(({ ledger, chain }) => ledger !== chain)).toEqual([])
  expect(await loop.verify()).toMatchObject({ ok: true })
})

test("what the token moves otherwise is credited to nobody, and stops it", async () => {
  await loop.token.sendAsAdmin(feeCall(1n))
  const before = await types()
  await loop.settle([["bob", 7n]])
  await loop.confirmAll()
  expect(await types()).toEqual(before)
  expect((await loop.alarms()).map(({ kind }) => kind)).toContain("settlement_differs")
  expect(await loop.balance("bob")).toEqual({ pending: 307n, confirmed: 300n })
})

import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest"
import type { ChainView } from "../../../ledger/confirmations/chain-view.ts"
import { createRpcChainView } from "../../../ledger/confirmations/rpc-chain-view.ts"
import { createChainClient } from "../../../platform/rpc/chain-client.ts"
import {
  createReconciliationFixture,
  type ReconciliationFixture,
} from "../../support/reconciliation-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

/** Has coins on every new local chain, which signs for it. */
const rich = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"

let loop: ReconciliationFixture
beforeAll(async () => {
  // As the stack runs it: with the state of the newest blocks only.
  loop = await createReconciliationFixture({ settlement: { anvilArgs: ["--prune-history", "64"] } })
  await loop.quietSchedule()
  await loop.settleAndConfirm([
    ["alice", 100n],
    ["bob", 50n],
  ])
  // The settlement is deeper than any block that is replaced here.
  await loop.mine(5)
  await loop.follow()
})
afterAll(() => loop?.close())

/** The chain, and something that happens once while balances are read. */
function interrupted(happens: () => Promise<unknown>): ChainView {
  let happened: Promise<unknown> | undefined
  return {
    ...loop.view,
    balancesOf: async (...question) => {
      const balances = await loop.view.balancesOf(...question)
      happened ??= happens()
      await happened
      return balances
    },
  }
}

/** Replaces the newest blocks; the first of the new ones has a transaction that no other has. */
const reorganise = (depth: number) =>
  loop.rpc("anvil_reorg", depth, [[{ from: rich, to: rich, value: "0x1", gas: "0x5208" }, 0]])

/** Asks for a run, and waits until it has to wait. */
async function whileWaiting(of: { readonly view?: ChainView }, patienceMs = 60_000) {
  const runId = await loop.ask()
  const worker = loop.work({ ...of, patienceMs })
  onTestFinished(worker.stop)
  const reason = await waitUntil(async () => worker.status().waiting_for ?? false, {
    what: "the run waits",
    describe: () => loop.run(runId),
  })
  return { runId, reason }
}

test("a block of the comparison that a reorganisation takes away ends the attempt, not the run", async () => {
  const { block_hash: before } = await loop.db
    .selectFrom("ledger.chain_cursors")
    .select("block_hash")
    .executeTakeFirstOrThrow()
  await loop.indexed()
  const view = interrupted(() => reorganise(3))
  const { runId, reason } = await whileWaiting({ view })
  expect(reason).toMatch(/^the chain no longer has block \d+ as it was confirmed$/)
  await loop.follow()
  expect(await loop.result(runId)).toMatchObject({ state: "finished", drifts: [] })
  expect((await loop.run(runId)).block_hash).not.toBe(before)
})

test("an indexer that stands on another fork is waited for, also when the confirmed block is on both", async () => {
  await loop.indexed()
  await loop.tamper("CREATE TABLE public.known AS SELECT * FROM indexer_test.head")
  await loop.tamper("UPDATE indexer_test.head SET block_hash = $1", [`0x${"ee".repeat(32)}`])
  const { runId, reason } = await whileWaiting({})
  expect(reason).toBe("the indexer and the chain's endpoints stand on different blocks")
  await loop.tamper("UPDATE indexer_test.head SET block_hash = (SELECT block_hash FROM public.known)")
  expect(await loop.result(runId)).toMatchObject({ state: "finished", drifts: [] })
})

test("an indexer that is behind the confirmations vouches for nothing", async () => {
  await loop.tamper("CREATE TABLE public.head AS SELECT * FROM indexer_test.head")
  const { hash } = await loop.chain.getBlock({ blockNumber: 1n })
  await loop.tamper("UPDATE indexer_test.head SET block_number = 1, block_hash = $1", [hash])
  const { runId, reason } = await whileWaiting({})
  expect(reason).toMatch(/^the indexer is behind the confirmations: it is at block 1, confirmations at \d+$/)
  await loop.tamper(
    "UPDATE indexer_test.head h SET block_number = k.block_number, block_hash = k.block_hash FROM public.head k",
  )
  expect(await loop.result(runId)).toMatchObject({ state: "finished", drifts: [] })
})

test("while the indexer has no views a run waits, and fails in the end with a sentence that says so", async () => {
  await loop.tamper("ALTER VIEW chain.transfer_event RENAME TO gone")
  const { runId } = await whileWaiting({}, 5_000)
  expect((await loop.run(runId)).state).toBe("requested")
  const run = await loop.result(runId)
  expect(run).toMatchObject({ state: "failed", drifts: [], accounts_compared: null, block_number: null })
  expect(run.error).toMatch(/^not possible for \d+ s: the indexer has not made its views yet$/)
  await loop.tamper("ALTER VIEW chain.gone RENAME TO transfer_event")
  expect(await loop.reconcile()).toMatchObject({ state: "finished", drifts: [] })
})

test("endpoints that do not answer are named, without their addresses", async () => {
  const nowhere = createRpcChainView(
    createChainClient({ chainId: 31_337n, urls: ["http://127.0.0.1:9/secret"] }),
  )
  const { runId } = await whileWaiting({ view: nowhere }, 500)
  const run = await loop.result(runId)
  expect(run).toMatchObject({ state: "failed" })
  expect(run.error).toMatch(/^not possible for \d+ s: the chain's endpoints do not answer$/)
})

test("a comparison that breaks off is given up with a sentence, and the worker goes on", async () => {
  const view = { ...loop.view, balancesOf: () => Promise.resolve([]) }
  const { runId, reason } = await whileWaiting({ view }, 300)
  expect(reason).toBe("the comparison broke off; the worker's log says why")
  expect(await loop.result(runId)).toMatchObject({ state: "failed", drifts: [] })
  const another = await loop.ask({ userId: "nobody" })
  expect(await loop.result(another)).toMatchObject({ state: "finished", accounts_compared: 0 })
})

test("one run that is not possible keeps no other waiting", async () => {
  await loop.adjust([["late", 1n]])
  const { runId } = await whileWaiting({})
  const possible = await loop.ask({ userId: "alice" })
  expect(await loop.result(possible)).toMatchObject({ state: "finished", drifts: [] })
  expect((await loop.run(runId)).state).toBe("requested")
  await loop.follow()
  expect(await loop.result(runId)).toMatchObject({ state: "finished", accounts_compared: 3 })
})

test("a block whose state is gone from the chain cannot be compared", async () => {
  await loop.mine(90)
  const { runId, reason } = await whileWaiting({}, 300)
  expect(reason).toMatch(/^the chain's endpoints cannot tell the token's balances at block \d+: /)
  expect(await loop.result(runId)).toMatchObject({ state: "failed", drifts: [] })
})

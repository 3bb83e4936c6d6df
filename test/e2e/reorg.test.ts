import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { operationOf } from "../support/backend.ts"
import { type ChainControl, controlChain } from "../support/chain-control.ts"
import { expectBooksBalance } from "../support/expect-books-balance.ts"
import { type FaultStack, startFaultStack } from "../support/fault-stack.ts"
import { createOutsider, type Outsider } from "../support/outsider.ts"
import { sampled, sampledTimes } from "../support/sampled.ts"
import { waitUntil } from "../support/wait-until.ts"

const reorganisations = sampledTimes(25, 10)

/** The one of the series that stands at this share of it, so that a sampled series has its deep ones and its deaths too. */
const at = (share: number) => Math.round(reorganisations * share)

const unit = 10n ** 18n

describe("a chain that changes its mind", () => {
  let faults: FaultStack
  let chain: ChainControl
  let outsider: Outsider

  beforeAll(async () => {
    faults = await startFaultStack()
    chain = controlChain(faults.stack())
    outsider = await createOutsider(faults.stack(), faults.backend)
  })
  afterAll(() => faults.close())

  const balanced = () => expectBooksBalance(faults.stack(), faults.backend, outsider)

  /** Events of a type in the log, in their order. */
  const logged = async (type: string) =>
    (await faults.backend.readLog()).filter((line) => line["type"] === type)

  /** What was taken back of balances, type by type. An anchor may be taken back with them, at any time. */
  const revokedTypes = async () =>
    (await logged("ConfirmationRevoked"))
      .map((line) => (line["data"] as { revoked_type: string }).revoked_type)
      .filter((type) => type !== "CheckpointAnchored")

  /** Waits until another batch is confirmed. @returns how many of the newest blocks hold it, by now */
  async function depthOfNextConfirmed(): Promise<number> {
    const before = (await logged("SettlementConfirmed")).length
    const confirmed = await waitUntil(
      async () => (await logged("SettlementConfirmed")).slice(before).at(-1) ?? false,
      { what: "another batch is confirmed", timeoutMs: 60_000 },
    )
    const { block_number } = confirmed["data"] as { block_number: number }
    return Number(await chain.head()) - block_number + 1
  }

  test.each(sampled([1, 2, 3], 1))("a reorganisation of depth %i under a batch", async (depth) => {
    const before = (await chain.settlements()).length
    await faults.backend.record(
      operationOf([
        ["ann", 100n * unit],
        [`user-${depth}`, 7n],
      ]),
    )
    const settled = await chain.settlement(before)
    await waitUntil(async () => (await chain.head()) >= settled.blockNumber + BigInt(depth) - 1n, {
      what: "the batch is buried",
    })
    await chain.stoodStill(async () => {
      await chain.reorg(Number((await chain.head()) - settled.blockNumber) + 1)
      expect(await chain.settlements()).toHaveLength(before)
    })
    // The same bytes once more: neither another nonce nor another batch.
    expect(await chain.settlement(before)).toMatchObject({ batchId: settled.batchId, hash: settled.hash })
    await balanced()
  })

  test("one that is deeper than the confirmation depth: what was confirmed is taken back and confirmed again", async () => {
    const { backend } = faults
    const before = (await chain.settlements()).length
    const operation = operationOf([
      ["ann", 5n * unit],
      ["bob", unit],
    ])
    await backend.record(operation)
    await outsider.deposit("ann", 11n)
    const gone = await outsider.depositOnce("bob", 13n)
    const withdrawn = await outsider.withdrawOnce("ann", 17n)
    const settled = await chain.settlement(before)
    await balanced()
    expect((await logged("WithdrawalObserved")).length).toBe(1)

    const lowest = Math.min(...[gone, withdrawn, settled.blockNumber].map(Number))
    await chain.stoodStill(async () => {
      const depth = Number(await chain.head()) - lowest + 3
      expect(depth).toBeGreaterThan(3)
      await chain.reorg(depth)
      // What the ledger says changes with the chain, before anybody sends anything again.
      await waitUntil(async () => (await revokedTypes()).length >= 4, {
        what: "four confirmations are taken back",
        timeoutMs: 60_000,
      })
    })
    const { status } = await backend.read<{ status: string }>(`/operations/${operation.operationId}`)
    expect(status).toBe("recorded")
    await outsider.land()
    await balanced()
    // The transfers that nobody sent again are gone; the deposit and the batch are confirmed a second time.
    expect((await outsider.moves()).map(({ units }) => units)).toEqual([11n])
    expect((await revokedTypes()).slice(-4).sort()).toEqual([
      "DepositObserved",
      "DepositObserved",
      "SettlementConfirmed",
      "WithdrawalObserved",
    ])
  })

  test(`${reorganisations} reorganisations and two deaths of the indexer under load`, {
    timeout: 300_000,
  }, async () => {
    const { backend } = faults
    let isOver = false
    const load = async (user: number) => {
      for (let turn = 0; !isOver; turn += 1) {
        const change = turn % 4 === 3 ? -3n * unit : 5n * unit
        await backend.record(operationOf([[`load-${user}`, change]], turn % 3 === 0 ? "refund" : "reward"))
        if (turn % 5 === 0) await outsider.deposit(`load-${user}`, BigInt(turn + 1))
        await sleep(250)
      }
    }
    // A user is known from his first adjustment on.
    await backend.record(operationOf([0, 1, 2, 3].map((user) => [`load-${user}`, 100n * unit] as const)))
    const running = Promise.all([load(0), load(1), load(2), load(3)])
    const revokedBefore = (await revokedTypes()).length
    for (let count = 1; count <= reorganisations; count += 1) {
      // Mostly what a chain does now and then; two take what was just confirmed.
      const isDeep = count === at(0.5) || count === at(0.95)
      if (!isDeep) await sleep(700)
      // A block may come in between.
      await chain.reorg(isDeep ? (await depthOfNextConfirmed()) + 2 : 1 + (count % 3))
      // Without enough of a processor it may give up by itself.
      if (count === at(0.3) || count === at(0.7))
        await faults.isBack("indexer", await faults.killNext("indexer"))
    }
    isOver = true
    await running
    await outsider.land()
    await balanced()
    expect((await revokedTypes()).length).toBeGreaterThan(revokedBefore)
  })
})

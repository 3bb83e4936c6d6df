import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type Operation, operationOf } from "../support/backend.ts"
import { controlChain } from "../support/chain-control.ts"
import { closeGate } from "../support/database-gate.ts"
import { expectBooksBalance } from "../support/expect-books-balance.ts"
import { type FaultStack, startFaultStack } from "../support/fault-stack.ts"
import { sampled } from "../support/sampled.ts"

const unit = 10n ** 18n

describe("processes that are killed on a running stack", () => {
  let faults: FaultStack
  beforeAll(async () => {
    faults = await startFaultStack()
  })
  afterAll(() => faults.close())

  const balanced = () => expectBooksBalance(faults.stack(), faults.backend)

  /** Operations of several users, the later ones of each spending what the earlier ones bring. */
  const operationsOf = (name: string, count: number): Operation[] =>
    Array.from({ length: count }, (_, index) =>
      operationOf(
        [[`${name}-${index % 3}`, index < 3 ? 100n * unit : -unit]],
        index < 3 ? "refund" : "consumption",
      ),
    )

  /** Sends operations one after the other, again and again where there is no answer, until `work` is over. */
  async function underLoad(name: string, work: () => Promise<void>): Promise<void> {
    let isOver = false
    const send = async () => {
      for (const operation of operationsOf(name, 1_000)) {
        if (isOver) return
        await faults.backend.record(operation)
        await sleep(100)
      }
    }
    await Promise.all([send(), work().finally(() => (isOver = true))])
  }

  test.each(sampled(["commit", "insert"] as const, 1))(
    "the API, killed inside of a transaction (%s), is asked the same again: recorded once, and answered once",
    async (at) => {
      const { backend } = faults
      const operations = Array.from({ length: 9 }, (_, index) =>
        operationOf([[`api-${at}-${index % 3}`, unit + BigInt(index)]]),
      )
      const gate = await closeGate(faults.stack().database_url, { table: "ledger.operations", at })
      const sent = Promise.allSettled(operations.map((operation) => backend.send(operation)))
      await gate.someoneWaits("chainbridge-api")
      const pid = faults.kill("api")
      const answers = await sent
      expect(answers.every(({ status }) => status === "rejected")).toBe(true)
      await gate.open()
      await faults.isBack("api", pid)

      const first = await Promise.all(operations.map((operation) => backend.record(operation)))
      // What was in the commit is there, and nobody had been told.
      if (at === "commit") expect(first.some(({ isReplay }) => isReplay)).toBe(true)
      expect(first.some(({ isReplay }) => !isReplay)).toBe(true)
      const second = await Promise.all(operations.map((operation) => backend.record(operation)))
      expect(second.map(({ data }) => data)).toEqual(first.map(({ data }) => data))
      expect(second.every(({ isReplay }) => isReplay)).toBe(true)
      await balanced()
    },
  )

  test.each(sampled(["commit", "insert"] as const, 1))(
    "the worker, killed in the middle of confirming (%s), confirms it once",
    async (at) => {
      const gate = await closeGate(faults.stack().database_url, { table: "ledger.confirmations", at })
      await faults.backend.record(operationOf([[`worker-${at}`, 3n * unit]]))
      await gate.someoneWaits("chainbridge-worker")
      const pid = faults.kill("worker")
      await gate.open()
      await faults.isBack("worker", pid)
      await balanced()
    },
  )

  test("the indexer, killed while rows are unfinalized: they vanish and come back, and nothing is taken for a reorganisation", async () => {
    const chain = controlChain(faults.stack())
    const before = (await chain.settlements()).length
    await faults.backend.record(operationOf([["indexer", 3n * unit]]))
    await chain.settlement(before)
    // The first time between mined and confirmed, the second while it finds its way back.
    const first = faults.kill("indexer")
    await faults.isBack("indexer", first)
    await faults.backend.record(operationOf([["indexer", -unit]]))
    await sleep(2_000)
    await faults.isBack("indexer", await faults.killNext("indexer"))
    await balanced()
    const log = await faults.backend.readLog()
    expect(log.filter(({ type }) => type === "ConfirmationRevoked")).toEqual([])
  })

  test.each([
    ["killed", "SIGKILL"],
    ["stopped", "SIGINT"],
  ] as const)("PostgreSQL, %s under load, comes back, and everybody goes on", async (how, signal) => {
    await underLoad(`postgres-${how}`, async () => {
      await sleep(1_500)
      const pid = faults.kill("postgres", signal)
      await faults.isBack("postgres", pid)
      await sleep(1_500)
    })
    await balanced()
  })

  test("everything but the chain, killed under load, and started again", async () => {
    await underLoad("all", async () => {
      await sleep(2_500)
      await faults.killEverythingButTheChain()
      await sleep(500)
    })
    await balanced()
  })
})

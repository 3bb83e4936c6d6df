import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { expireHolds } from "../../../ledger/holds/expire-holds.ts"
import type { Database } from "../../../ledger/store/database.ts"
import {
  createLedgerWriter,
  defaultWriterLimits,
  type LedgerWriter,
} from "../../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../../ledger/writer/token-directory.ts"
import { createWriterPool } from "../../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../../platform/logger.ts"
import { createKysely } from "../../../platform/postgres.ts"
import { adjustCommand, createTestLedger, insertLedger, type TestLedger } from "../../support/test-ledger.ts"
import { waitUntil } from "../../support/wait-until.ts"
import { waitingForLocks } from "../../support/waiting-for-locks.ts"

let ledger: TestLedger

beforeAll(async () => {
  ledger = await createTestLedger()
})

afterAll(() => ledger.close())

function writerOf(
  ledgerId: string,
  limits = defaultWriterLimits,
  writerPool = ledger.writerPool,
): LedgerWriter {
  return createLedgerWriter({
    db: ledger.db,
    writerPool,
    ledgerId,
    tokens: createTokenDirectory(ledger.db, ledgerId),
    logger: createLogger("test", "silent"),
    limits,
  })
}

async function freshWriter(limits = defaultWriterLimits) {
  const ledgerId = await insertLedger(ledger.db)
  return { ledgerId, writer: writerOf(ledgerId, limits) }
}

const command = (operationId: string, ...adjustments: (readonly [string, bigint])[]) =>
  adjustCommand(ledger.tokenId, operationId, adjustments)

describe("the ledger's writer", () => {
  it("records adjustments with gap-free positions and says every balance after", async () => {
    const { ledgerId, writer } = await freshWriter()
    const result = await writer.execute(command("op-1", ["ann", 10n], ["bob", 5n], ["ann", -3n]))
    expect(result).toMatchObject({ outcome: "recorded", isReplay: false })
    if (result.outcome !== "recorded") return
    expect(
      result.operation.adjustments.map(({ position, balanceAfter }) => [position, balanceAfter]),
    ).toEqual([
      [3n, 10n],
      [4n, 5n],
      [5n, 7n],
    ])
    expect(result.operation.position).toBe(5n)
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true, events: 5n, accounts: 2 })
  })

  it("gives the lock back at once where a row cannot be made, and records the others", async () => {
    const ledgerId = await insertLedger(ledger.db)
    const { appUrl } = ledger.database
    const writerPool = createWriterPool({
      databaseUrl: appUrl,
      applicationName: "test",
      queryTimeoutMs: 1_500,
    })
    const writer = writerOf(ledgerId, defaultWriterLimits, writerPool)
    const broken = command("broken", ["ann", 1n])
    const [adjustment] = broken.adjustments
    if (adjustment === undefined) return
    const began = performance.now()
    const outcomes = await Promise.allSettled([
      writer.execute(command("first", ["ann", 2n])),
      writer.execute({ ...broken, adjustments: [{ ...adjustment, metadata: { tier: 1n } }] }),
      writer.execute(command("last", ["ann", 3n])),
    ])
    expect(performance.now() - began).toBeLessThan(5_000)
    expect(outcomes).toMatchObject([
      { value: { outcome: "recorded", isReplay: false } },
      { reason: expect.any(TypeError) },
      { value: { outcome: "recorded", isReplay: false } },
    ])
    // By then every question that was left without an answer is given up, which has to be nobody's surprise.
    await sleep(2_000)
    await writerPool.end()
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true, events: 3n, accounts: 1 })
  })

  it("has the head and waits for nobody who waits for the head, however few connections there are", async () => {
    const { ledgerId, writer } = await freshWriter()
    const looking = createKysely<Database>(ledger.writerPool)
    const countWaiting = async () => (await waitingForLocks(looking)).length
    const holder = await ledger.writerPool.connect()
    await holder.query("BEGIN")
    await holder.query("SELECT FROM ledger.head WHERE ledger_id = $1 FOR NO KEY UPDATE", [ledgerId])
    const first = writer.execute(command("first", ["ann", 1n]))
    await waitUntil(async () => (await countWaiting()) === 1, {
      what: "the writer waits for the head",
    })
    // All connections on which it could ask the registry.
    const others = Array.from({ length: ledger.pool.options.max ?? 0 }, () =>
      expireHolds(ledger.db, ledgerId, [], new Date()),
    )
    await waitUntil(async () => (await countWaiting()) === 1 + others.length, {
      what: "all of them wait for the head",
    })
    const began = performance.now()
    await holder.query("COMMIT")
    holder.release()
    expect(await first).toMatchObject({ outcome: "recorded", isReplay: false })
    expect(performance.now() - began).toBeLessThan(5_000)
    await Promise.all(others)
  })

  it("answers the same to the same key for ever, even when the money is gone", async () => {
    const { writer } = await freshWriter()
    await writer.execute(command("fund", ["ann", 10n]))
    const spend = command("spend", ["ann", -10n])
    const first = await writer.execute(spend)
    const again = await writer.execute(spend)
    expect(again).toEqual({ ...first, isReplay: true })
    expect(await writer.execute({ ...spend, requestHash: Buffer.alloc(32, 0xee) })).toEqual({
      outcome: "conflict",
    })
  })

  it("lets a refusal bind nothing and cost its neighbours nothing", async () => {
    const { ledgerId, writer } = await freshWriter()
    const results = await Promise.all([
      writer.execute(command("a", ["ann", 10n])),
      writer.execute(command("b", ["ann", 5n], ["ann", -16n])),
      writer.execute(command("c", ["ann", 1n])),
    ])
    expect(results.map(({ outcome }) => outcome)).toEqual(["recorded", "refused", "recorded"])
    expect(results[1]).toMatchObject({
      refusal: { refused: "INSUFFICIENT_BALANCE", index: 1, availableBaseUnits: 15n },
    })
    expect(await writer.execute(command("b", ["ann", 5n], ["ann", -16n]))).toMatchObject({
      outcome: "recorded",
    })
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
  })

  it("records ten parallel identical requests over two processes once and gives ten equal answers", async () => {
    const { ledgerId, writer } = await freshWriter()
    const other = writerOf(ledgerId)
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        (index % 2 === 0 ? writer : other).execute(command("same", ["ann", 7n])),
      ),
    )
    const operations = results.map((result) => (result.outcome === "recorded" ? result.operation : result))
    for (const operation of operations) expect(operation).toEqual(operations[0])
    expect(results.filter((result) => result.outcome === "recorded" && !result.isReplay)).toHaveLength(1)
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true, events: 2n })
  })

  it("accepts exactly 100 of 1,000 parallel spends of a balance that covers 100", async () => {
    const { ledgerId, writer } = await freshWriter()
    const other = writerOf(ledgerId)
    await writer.execute(command("fund", ["ann", 100n]))
    const results = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) =>
        (index % 2 === 0 ? writer : other).execute(command(`spend-${index}`, ["ann", -1n])),
      ),
    )
    expect(results.filter(({ outcome }) => outcome === "recorded")).toHaveLength(100)
    expect(results.filter(({ outcome }) => outcome === "refused")).toHaveLength(900)
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true, events: 102n })
  })

  it("lets a command that fails for reasons nobody foresaw fail alone", async () => {
    const { ledgerId, writer } = await freshWriter()
    const unregistered = 999_999
    // The first is a group by itself; the others wait and become the next one.
    const first = writer.execute(command("first", ["ann", 1n]))
    const others = [0, 1, 2, 3, 4, 5, 6].map((index) =>
      index === 4
        ? writer.execute(adjustCommand(unregistered, "poison", [["ann", 1n]]))
        : writer.execute(command(`other-${index}`, ["ann", 1n])),
    )
    const settled = await Promise.allSettled([first, ...others])
    expect(settled.map((one) => (one.status === "fulfilled" ? one.value.outcome : one.reason.code))).toEqual(
      Array.from({ length: 8 }, (_, index) => (index === 5 ? "UNKNOWN_TOKEN" : "recorded")),
    )
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true, events: 8n })
  })

  it("refuses work beyond its queue and records nothing of it", async () => {
    const { ledgerId, writer } = await freshWriter({ ...defaultWriterLimits, queueRequestsMax: 2 })
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) => writer.execute(command(`op-${index}`, ["ann", 1n]))),
    )
    const recorded = results.filter(({ outcome }) => outcome === "recorded").length
    expect(results.filter(({ outcome }) => outcome === "overloaded")).toHaveLength(20 - recorded)
    expect(recorded).toBeLessThan(20)
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true, events: BigInt(recorded + 1) })
  })

  it("records a request of 10,000 adjustments", async () => {
    const { ledgerId, writer } = await freshWriter()
    const adjustments = Array.from({ length: 10_000 }, (_, index) => [`user-${index % 2_000}`, 3n] as const)
    const result = await writer.execute(command("big", ...adjustments))
    expect(result.outcome).toBe("recorded")
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({
      ok: true,
      events: 12_000n,
      accounts: 2_000,
    })
  })

  it("resolves a commit whose result was lost: its connection is cut right after COMMIT was sent", async () => {
    const { ledgerId, writer } = await freshWriter()
    await writer.execute(command("warm", ["ann", 1n]))
    let isCutting = true
    const killer = (async () => {
      while (isCutting) {
        await ledger.pool
          .query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE pid <> pg_backend_pid() AND application_name = 'test' AND datname = current_database() AND state <> 'idle'`,
          )
          .catch((error: unknown) => {
            if (!(error instanceof Error)) throw error
          })
        await new Promise((resolve) => setTimeout(resolve, 15))
      }
    })()
    const results = await Promise.all(
      Array.from({ length: 40 }, async (_, index) => {
        await new Promise((resolve) => setTimeout(resolve, index * 25))
        return writer.execute(command(`op-${index}`, ["ann", 1n])).catch((error: unknown) => error)
      }),
    )
    isCutting = false
    await killer
    const acknowledged = results.filter((result) => !(result instanceof Error))
    expect(acknowledged.length).toBeGreaterThan(0)
    for (let index = 0; index < results.length; index += 1) {
      expect(await writer.execute(command(`op-${index}`, ["ann", 1n]))).toMatchObject({
        outcome: "recorded",
      })
    }
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true, events: 42n })
  })
})

describe("the event store", () => {
  it("refuses UPDATE, DELETE and TRUNCATE, to the app by its rights and to the owner by a trigger", async () => {
    const { ledgerId, writer } = await freshWriter()
    await writer.execute(command("op", ["ann", 1n]))
    const { default: pg } = await import("pg")
    for (const url of [ledger.database.appUrl, ledger.database.ownerUrl]) {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      for (const statement of [
        "UPDATE ledger.events SET amount = 2",
        "DELETE FROM ledger.events",
        "TRUNCATE ledger.events CASCADE",
      ]) {
        await expect(client.query(statement)).rejects.toThrow(/append-only|permission denied/)
      }
      await client.end()
    }
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
  })

  it("shows verify every kind of tampering, with its position", async () => {
    const { ledgerId, writer } = await freshWriter()
    await writer.execute(command("op-1", ["ann", 5n]))
    await writer.execute(command("op-2", ["ann", 6n]))
    const { default: pg } = await import("pg")
    const owner = new pg.Client({ connectionString: ledger.database.ownerUrl })
    await owner.connect()
    // Only somebody who owns the table and switches its trigger off can do this; verify is there for him.
    await owner.query("ALTER TABLE ledger.events DISABLE TRIGGER USER")
    const tamper = async (statement: string, undo: string) => {
      await owner.query(statement, [ledgerId])
      const result = await verifyLedger(ledger.db, ledgerId)
      await owner.query(undo, [ledgerId])
      return result
    }
    const at3 = "WHERE ledger_id = $1 AND position = 3"
    expect(
      await tamper(
        `UPDATE ledger.events SET amount = 7 ${at3}`,
        `UPDATE ledger.events SET amount = 6 ${at3}`,
      ),
    ).toMatchObject({ ok: false, position: 3n })
    expect(
      await tamper(
        `UPDATE ledger.events SET details = '{"reason_detail":"x","metadata":{}}' ${at3}`,
        `UPDATE ledger.events SET details = '{"reason_detail":"for the test","metadata":{"activity_id":"a-1","tier":0.1}}' ${at3}`,
      ),
    ).toMatchObject({ ok: false, position: 3n, problem: expect.stringContaining("details") })
    expect(
      await tamper(
        "UPDATE ledger.balances SET pending = 12 WHERE ledger_id = $1",
        "UPDATE ledger.balances SET pending = 11 WHERE ledger_id = $1",
      ),
    ).toMatchObject({ ok: false, problem: expect.stringContaining("pending 12") })
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({ ok: true })
    await owner.query(`DELETE FROM ledger.events ${at3}`, [ledgerId])
    expect(await verifyLedger(ledger.db, ledgerId)).toMatchObject({
      ok: false,
      problem: expect.stringContaining("tail"),
    })
    await owner.query("ALTER TABLE ledger.events ENABLE TRIGGER USER")
    await owner.end()
  })
})

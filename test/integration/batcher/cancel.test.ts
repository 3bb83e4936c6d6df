import { type Hex, parseEventLogs } from "viem"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { deferralDepthFactor } from "../../../batcher/store/held-back.ts"
import { requestCancellation } from "../../../ledger/store/request-cancellation.ts"
import { createLoopFixture, type LoopFixture } from "../../support/loop-fixture.ts"
import { sampled } from "../../support/sampled.ts"
import { inPool, transactionsSaved } from "../../support/stuck-batch.ts"
import { waitUntil } from "../../support/wait-until.ts"

let loop: LoopFixture
beforeEach(async () => {
  loop = await createLoopFixture()
})
afterEach(async () => loop?.close())

const limits = { rebroadcastMs: 300 }
const batch = async (index = 0) => {
  const found = (await loop.batches())[index]
  if (found === undefined) throw new Error(`there is no batch ${index}`)
  return found
}
const cancel = async (index = 0) => {
  const { batch_id: batchId } = await batch(index)
  return loop.db.transaction().execute((trx) =>
    requestCancellation(trx, {
      ...{ ledgerId: loop.ledgerId, batchId, reason: "it never gets anywhere" },
      ...{ requestedBy: "operator", at: new Date() },
    }),
  )
}

/** What the chain has of batches, in its order. */
async function onChain(): Promise<[string, string][]> {
  const logs = await loop.chain.getLogs({ address: loop.token.address, fromBlock: 0n, toBlock: "latest" })
  return parseEventLogs({ abi: cpopTokenAbi, eventName: ["BatchSettled", "BatchCancelled"], logs }).map(
    ({ eventName, args }) => [eventName, `0x${args.batchId.toString(16).padStart(64, "0")}`],
  )
}

/** A batch of one change is with the node, and the chain stands still. */
async function stuck(amount = 7n): Promise<void> {
  await loop.rpc("evm_setAutomine", false)
  await loop.adjust([["ann", amount]])
  await loop.flush()
  await waitUntil(async () => (await loop.batches())[0]?.state === "broadcast", {
    what: "the batch is with the node",
    describe: loop.batches,
  })
}

const state = (wanted: string, index = 0) =>
  waitUntil(async () => (await loop.batches())[index]?.state === wanted, {
    what: `batch ${index} is ${wanted}`,
    timeoutMs: 40_000,
    describe: loop.batches,
  })

/** What cancels the batch has taken the place of what settles it, in the database and with the node. */
async function exchanged(): Promise<void> {
  const rows = await transactionsSaved(loop, 2)
  await inPool(loop, rows.at(-1)?.hash)
}

/** Mines until the chain says what became of the batch, and the ledger knows. */
async function ended(wanted: "cancelled" | "confirmed", index = 0): Promise<void> {
  await loop.rpc("evm_setAutomine", true)
  await state("mined", index)
  await loop.indexed()
  await loop.confirmAll()
  expect((await batch(index)).state).toBe(wanted)
  expect(await loop.verify()).toMatchObject({ ok: true })
}

/** How many blocks the confirmed tip has to rise until what is deferred may be sealed. */
async function blocksUntilFree(): Promise<number> {
  await loop.indexed()
  await loop.follow()
  const [deferred, cursor] = [
    await loop.db.selectFrom("settlement.batch_items").select("deferred_block").executeTakeFirstOrThrow(),
    await loop.db.selectFrom("ledger.chain_cursors").select("block_number").executeTakeFirstOrThrow(),
  ]
  if (deferred.deferred_block === null) throw new Error("nothing is deferred")
  const depth = deferralDepthFactor * loop.followed.confirmationBlocks
  return Number(deferred.deferred_block - cursor.block_number) + depth
}

/** The changes of a cancelled batch are settled by another one, once no reorganisation can bring the first one back. */
async function foldedAnew(): Promise<void> {
  await loop.flush()
  await loop.mine((await blocksUntilFree()) - 1)
  expect(await blocksUntilFree()).toBe(1)
  expect(await loop.batches()).toHaveLength(1)
  await loop.mine(1)
  await loop.indexed()
  await loop.follow()
  await waitUntil(async () => (await loop.batches()).length === 2, { what: "the change is sealed anew" })
  await state("mined", 1)
  await loop.indexed()
  await loop.confirmAll()
  expect((await batch(1)).state).toBe("confirmed")
  expect((await loop.compare()).filter(({ ledger, chain }) => ledger !== chain)).toEqual([])
  expect(await loop.verify()).toMatchObject({ ok: true })
}

describe("a batch that no block takes", () => {
  test("is cancelled under its own nonce, and its changes are settled by another one when that is final", async () => {
    const batcher = loop.run({ limits })
    await stuck()
    expect(await cancel()).toMatchObject({ isNew: true })
    expect(await cancel()).toMatchObject({ isNew: false, reason: "it never gets anywhere" })
    await exchanged()
    await ended("cancelled")
    expect((await loop.transactions()).map((row) => [row.nonce, row.attempt, row.is_cancellation])).toEqual([
      [0n, 1, false],
      [0n, 2, true],
    ])
    const { batch_id: id } = await batch()
    expect(await onChain()).toEqual([["BatchCancelled", id]])
    expect(await loop.balance("ann")).toEqual({ pending: 7n, confirmed: 0n })
    expect(await cancel()).toMatchObject({ isNew: false })
    await foldedAnew()
    expect((await onChain()).map(([kind]) => kind)).toEqual(["BatchCancelled", "BatchSettled"])
    await loop.stop(batcher)
  })

  test("may still be settled by what was sent before: then it is, and nothing is cancelled", async () => {
    const batcher = loop.run({ limits })
    await stuck()
    await loop.stop(batcher)
    await cancel()
    await loop.rpc("evm_mine")
    const second = loop.run({ limits })
    await ended("confirmed")
    expect(await onChain()).toEqual([["BatchSettled", (await batch()).batch_id]])
    expect(await cancel()).toMatchObject({ isNew: false })
    expect(await loop.balance("ann")).toEqual({ pending: 7n, confirmed: 7n })
    await loop.stop(second)
  })

  test.each(sampled(["signed", "replaced", "broadcast", "mined"] as const, 2))(
    "is cancelled once, when the batcher is killed at %s",
    async (dieAt) => {
      const batcher = loop.run({ limits })
      await stuck()
      await loop.stop(batcher)
      await cancel()
      const first = loop.spawn({ dieAt, limits })
      if (dieAt === "mined") {
        await exchanged()
        await loop.rpc("evm_mine")
      }
      expect(await first.ended, first.log()).toBe("SIGKILL")
      // A process that woke up after it signed has sent nothing that is not saved; what settles is saved once.
      const second = loop.spawn({ limits })
      if (dieAt !== "mined") await exchanged()
      await ended("cancelled").catch((error: unknown) => {
        throw new Error(second.log(), { cause: error })
      })
      expect((await loop.transactions()).filter((row) => !row.is_cancellation)).toHaveLength(1)
      expect(await onChain()).toEqual([["BatchCancelled", (await batch()).batch_id]])
      expect(await loop.chain.getTransactionCount({ address: loop.token.operator })).toBe(1)
    },
  )
})

describe("a batch that reverts", () => {
  test("while the token is paused is cancelled all the same, from a lane that stands still", async () => {
    const batcher = loop.run({ limits })
    await stuck()
    await loop.token.callAsAdmin("pause")
    await loop.rpc("evm_mine")
    await loop.rpc("evm_setAutomine", true)
    await loop.mine(3)
    const lane = () => loop.db.selectFrom("settlement.lanes").selectAll().executeTakeFirstOrThrow()
    await waitUntil(async () => (await lane()).paused_at !== null, {
      what: "the lane is stopped",
      timeoutMs: 40_000,
      describe: loop.batches,
    })
    // It is refused for everybody, so waiting may help, and nobody but a person gives it up.
    expect((await batch()).cancel_requested_at).toBeNull()
    await cancel()
    await ended("cancelled")
    expect((await loop.transactions()).map(({ nonce }) => nonce)).toEqual([0n, 1n])
    await loop.token.callAsAdmin("unpause")
    await loop.resume()
    await foldedAnew()
    await loop.stop(batcher)
  })
})

describe("a reorganisation that takes a cancellation back", () => {
  const reorgTo = async (blockNumber: bigint | null, kept: readonly (readonly [Hex, number])[] = []) => {
    await loop.indexed()
    const depth = Number((await loop.chain.getBlockNumber()) - (blockNumber ?? 0n)) + 1
    await loop.rpc("anvil_reorg", depth, kept)
    await loop.mine(1)
    await loop.indexed()
    await loop.follow()
  }

  test("has the same bytes sent again, and its changes wait in their batch until then", async () => {
    const batcher = loop.run({ limits })
    await stuck()
    await cancel()
    await exchanged()
    await ended("cancelled")
    const sent = await loop.transactions()
    await loop.stop(batcher)
    await reorgTo((await batch()).block_number)
    expect(await batch()).toMatchObject({ state: "broadcast", cancelled_position: null })
    const { rows } = { rows: await loop.db.selectFrom("settlement.batch_items").selectAll().execute() }
    expect(rows).toMatchObject([{ state: "sealed", batch_sequence: 1n, deferred_block: null }])
    expect(await loop.verify()).toMatchObject({ ok: true })
    const second = loop.run({ limits })
    await ended("cancelled")
    expect((await loop.transactions()).map(({ raw }) => raw)).toEqual(sent.map(({ raw }) => raw))
    expect(await onChain()).toEqual([["BatchCancelled", (await batch()).batch_id]])
    await foldedAnew()
    await loop.stop(second)
  })

  test("and has what was sent before settle the batch: then its changes are settled, once", async () => {
    const batcher = loop.run({ limits })
    await stuck()
    await cancel()
    await exchanged()
    await ended("cancelled")
    await loop.stop(batcher)
    const [first] = await loop.transactions()
    await reorgTo((await batch()).block_number, [[first?.raw as Hex, 0]])
    await loop.confirmAll()
    expect((await batch()).state).toBe("confirmed")
    expect(await onChain()).toEqual([["BatchSettled", (await batch()).batch_id]])
    expect(await loop.balance("ann")).toEqual({ pending: 7n, confirmed: 7n })
    expect(await loop.verify()).toMatchObject({ ok: true })
  })

  test("after its changes were settled by another batch: both come back, and the first one still settles nothing", async () => {
    const batcher = loop.run({ limits })
    await stuck()
    await cancel()
    await exchanged()
    await ended("cancelled")
    const { block_number: at } = await batch()
    await foldedAnew()
    await reorgTo(at)
    await waitUntil(async () => (await onChain()).length === 2, {
      what: "both are on the chain again",
      describe: onChain,
      timeoutMs: 40_000,
    })
    await loop.indexed()
    await loop.confirmAll()
    expect((await loop.batches()).map(({ state }) => state)).toEqual(["cancelled", "confirmed"])
    expect((await onChain()).map(([kind]) => kind)).toEqual(["BatchCancelled", "BatchSettled"])
    expect(await loop.balance("ann")).toEqual({ pending: 7n, confirmed: 7n })
    expect((await loop.compare()).filter(({ ledger, chain }) => ledger !== chain)).toEqual([])
    expect(await loop.verify()).toMatchObject({ ok: true })
    await loop.stop(batcher)
  })
})

describe("the database", () => {
  test("takes nothing that settles a batch which is being cancelled, nor a request back", async () => {
    const batcher = loop.run({ limits })
    await stuck()
    await loop.stop(batcher)
    await cancel()
    const [first] = await loop.transactions()
    if (first === undefined) throw new Error("nothing was signed")
    const again = (values: object) =>
      loop.db
        .insertInto("settlement.transactions")
        .values({
          ...{ ...first, attempt: 2, hash: `0x${"ab".repeat(32)}` },
          ...{ max_fee_per_gas: first.max_fee_per_gas * 2n },
          ...{ max_priority_fee_per_gas: (first.max_priority_fee_per_gas ?? 0n) * 2n, ...values },
        })
        .execute()
    await expect(again({})).rejects.toThrow(/is being cancelled: nothing else is signed/)
    await expect(again({ is_cancellation: true })).rejects.toThrow(/not for a batch that is being cancelled/)
    const set = (values: object) => loop.db.updateTable("settlement.batches").set(values).execute()
    await expect(
      set({
        cancel_requested_at: null,
        cancel_requested_by: null,
        cancel_reason: null,
        cancel_calldata_hash: null,
      }),
    ).rejects.toThrow(/nobody can take back/)
    await expect(set({ state: "cancelled" })).rejects.toThrow(/check constraint/)
  })
})

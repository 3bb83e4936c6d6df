import { randomUUID } from "node:crypto"
import { setTimeout } from "node:timers/promises"
import { encodeFunctionData, type Hex } from "viem"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { cpopTokenAbi } from "../../../abis/cpop-token.ts"
import { createBatcher } from "../../../batcher/batcher-context.ts"
import { alarmForeign } from "../../../batcher/chain/call-alarms.ts"
import { holdSigner, releaseLeases } from "../../../batcher/store/leases.ts"
import { sampled } from "../../support/sampled.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { callIn, mineAll, replaceSoon, stickBatch, transactionsSaved } from "../../support/stuck-batch.ts"
import { waitUntil } from "../../support/wait-until.ts"

let fixture: SettlementFixture
beforeEach(async () => {
  fixture = await createSettlementFixture({ anchors: true })
  await fixture.configure(replaceSoon)
})
afterEach(() => fixture.close())

/** All that is saved is one call of one nonce, and the chain has it once. */
async function expectOneCall(): Promise<void> {
  const transactions = await fixture.transactions()
  expect(new Set(transactions.map(({ raw }) => JSON.stringify(callIn(raw), String))).size).toBe(1)
  expect(transactions.map(({ attempt }) => attempt)).toEqual(transactions.map((_, index) => index + 1))
  expect(await fixture.chain.getTransactionCount({ address: fixture.token.operator })).toBe(1)
}

/** What the node holds: nothing that is not saved may be there. */
async function poolHashes(): Promise<string[]> {
  const content = (await fixture.rpc("txpool_content")) as {
    pending: Record<string, Record<string, { hash: string }>>
  }
  return Object.values(content.pending).flatMap((ofSender) => Object.values(ofSender).map(({ hash }) => hash))
}

async function expectSettledOnce(): Promise<void> {
  const [batch] = await fixture.batches()
  expect(await fixture.settledCounts()).toEqual(new Map([[batch?.batch_id, 1]]))
  expect(await fixture.compare()).toMatchObject([{ ledger: 7n, chain: 7n }])
}

/** Has a batch wait in the pool of a chain that stands still, with nobody to look after it; its first transaction may be replaced. */
async function stickAlone(): Promise<void> {
  await fixture.configure({ replace_after_ms: 600_000n })
  const batcher = await stuck()
  await fixture.stop(batcher)
  await fixture.configure(replaceSoon)
  await setTimeout(1_500)
}

async function stuck() {
  const batcher = fixture.run()
  await stickBatch(fixture, () => undefined)
  return batcher
}

describe("a batcher that is killed with -9 while it replaces", () => {
  const steps = [
    // Signed in memory and not saved: nobody has ever seen it.
    ["signed", 1, 1],
    // Saved and not sent.
    ["replaced", 1, 2],
    // Sent, and the commit that says so not made.
    ["broadcast", 1, 2],
    ["replaced", 2, 3],
  ] as const
  it.each(sampled(steps, 2))(
    "a batch's transaction, at %s (time %d), settles it once",
    async (dieAt, dieAtTime, saved) => {
      await stickAlone()
      const first = fixture.spawn({ dieAt, dieAtTime })
      expect(await first.ended, first.log()).toBe("SIGKILL")
      const before = await fixture.transactions()
      expect(before).toHaveLength(saved)
      expect(before.map(({ hash }) => hash)).toEqual(expect.arrayContaining(await poolHashes()))

      const second = fixture.spawn()
      await transactionsSaved(fixture, 2)
      await mineAll(fixture, 1).catch((error: unknown) => {
        throw new Error(second.log(), { cause: error })
      })
      await expectSettledOnce()
      await expectOneCall()
      // What was saved is there, byte for byte.
      const after = await fixture.transactions()
      expect(after.slice(0, saved).map(({ raw }) => raw)).toEqual(before.map(({ raw }) => raw))
    },
  )

  it("and had a receipt of the first transaction finds it again", async () => {
    await stickAlone()
    const [only] = await fixture.transactions()
    const replacing = fixture.spawn({ dieAt: "replaced" })
    await replacing.ended
    await fixture.rpc("evm_mine")
    const looking = fixture.spawn({ dieAt: "mined" })
    expect(await looking.ended, looking.log()).toBe("SIGKILL")
    fixture.run()
    const [batch] = await fixture.batchesIn("mined", 1)
    expect(batch?.tx_hash).toBe(only?.hash)
    await expectSettledOnce()
    await expectOneCall()
  })

  it("an anchor's transaction, anchors the checkpoint once", async () => {
    await fixture.adjust([["ann", 7n]])
    const { treeSize, root } = await fixture.checkpoint()
    await fixture.rpc("evm_setAutomine", false)
    const first = fixture.spawn({ dieAt: "replaced" })
    expect(await first.ended, first.log()).toBe("SIGKILL")
    const saved = await fixture.transactions()
    expect(saved).toHaveLength(2)
    fixture.run()
    await waitUntil(
      async () => {
        await fixture.rpc("evm_mine")
        return (await fixture.anchors())[0]?.state === "mined"
      },
      { what: "it is mined", describe: () => fixture.anchors() },
    )
    expect(await fixture.anchor().rootOf(fixture.ledgerId, treeSize)).toBe(root)
    await expectOneCall()
  })

  it("a transaction that does nothing, fills the nonce with that call and no other", async () => {
    await fixture.adjust([["ann", 7n]])
    await fixture.flush()
    await fixture.spawn({ dieAt: "reserved" }).ended
    const [batch] = await fixture.batches()
    const deltas: Hex = `0x${batch?.deltas.toString("hex")}`
    const args = [BigInt(batch?.batch_id ?? 0), deltas] as const
    await fixture.token.sendAsAdmin(encodeFunctionData({ abi: cpopTokenAbi, functionName: "settle", args }))
    await fixture.confirm()
    await fixture.rpc("evm_setAutomine", false)
    const first = fixture.spawn({ dieAt: "replaced" })
    expect(await first.ended, first.log()).toBe("SIGKILL")
    expect(
      (await fixture.transactions()).map(({ calldata_hash, attempt }) => [calldata_hash, attempt]),
    ).toEqual(
      // keccak256 of nothing
      [1, 2].map((attempt) => [
        "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
        attempt,
      ]),
    )
    fixture.run()
    await waitUntil(
      async () => {
        await fixture.rpc("evm_mine")
        return (await fixture.chain.getTransactionCount({ address: fixture.token.operator })) === 1
      },
      { what: "the nonce is used" },
    )
    await expectSettledOnce()
    await expectOneCall()
  })
})

describe("a batcher that sleeps through its lease while it replaces", () => {
  const key = () => ({ chainId: fixture.chainId, address: fixture.token.operator })

  it("saves nothing when it wakes up", async () => {
    await stickAlone()
    const sleeper = fixture.spawn({ freezeAt: "signed" })
    const taker = randomUUID()
    await waitUntil(async () => (await leaseOwner()) !== null, { what: "it has the lease" })
    await waitUntil(async () => (await holdSigner(fixture.db, key(), taker, 60_000)) !== null, {
      what: "its lease runs out",
    })
    sleeper.child.kill("SIGCONT")
    await waitUntil(async () => /lease went to another/.test(sleeper.log()), {
      what: "the sleeper notices",
      describe: async () => sleeper.log(),
    })
    expect(await fixture.transactions()).toHaveLength(1)
    await releaseLeases(fixture.db, taker)
    await transactionsSaved(fixture, 2)
    await mineAll(fixture, 1)
    await expectSettledOnce()
    await expectOneCall()
  })

  it("sends what it had saved, or what was saved since, and takes nobody of ours for a stranger", async () => {
    await stickAlone()
    const sleeper = fixture.spawn({ freezeAt: "replaced" })
    await transactionsSaved(fixture, 2)
    // Takes over as soon as the lease has run out, and replaces what the sleeper saved.
    fixture.run()
    await transactionsSaved(fixture, 3)
    sleeper.child.kill("SIGCONT")
    await waitUntil(async () => /lease went to another/.test(sleeper.log()), {
      what: "the sleeper notices",
      describe: async () => sleeper.log(),
    })
    await mineAll(fixture, 1)
    await expectSettledOnce()
    await expectOneCall()
    expect(await fixture.alarms()).toEqual([])
  })

  it("raises no alarm about a stranger: what it saw may be the work of its successor", async () => {
    await stickAlone()
    const batcher = createBatcher(fixture.context())
    const lease = { owner: batcher.processId, epoch: 1n }
    const desk = { db: fixture.db, signer: key(), lease }
    await expect(alarmForeign({ batcher, desk }, "a guess")).rejects.toMatchObject({ code: "LEASE_LOST" })
    expect(await fixture.alarms()).toEqual([])
  })

  async function leaseOwner(): Promise<string | null> {
    const row = await fixture.db.selectFrom("settlement.signers").select(["lease_owner"]).executeTakeFirst()
    return row?.lease_owner ?? null
  }
})

import { sql } from "kysely"
import pg from "pg"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { createBatcher, stepsOfEveryCall } from "../../../batcher/batcher-context.ts"
import { listLanes } from "../../../batcher/store/lanes.ts"
import { holdSigner } from "../../../batcher/store/leases.ts"
import { sealDueAnchors } from "../../../batcher/store/seal-anchors.ts"
import { registerSigner, reserveNonces } from "../../../batcher/store/signers.ts"
import { sampled } from "../../support/sampled.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

let fixture: SettlementFixture
let users = 0
beforeEach(async () => {
  fixture = await createSettlementFixture({ anchors: true })
})
afterEach(() => fixture.close())

/** Two events and a checkpoint of the log as it stands then. */
async function checkpoint(): Promise<{ treeSize: bigint; root: string }> {
  users += 1
  await fixture.adjust([[`user-${users}`, 100n]])
  return fixture.checkpoint()
}

const rootOf = (treeSize: bigint) => fixture.anchor().rootOf(fixture.ledgerId, treeSize)
const states = async () => (await fixture.anchors()).map(({ state }) => state)
const alarms = async () => (await fixture.alarms()).map(({ kind }) => kind)
const anchorAtMostEvery = (intervalMs: bigint) =>
  fixture.db
    .insertInto("registry.anchor_policy")
    .values({ chain_id: null, interval_ms: intervalMs })
    .execute()
const settles = async () => {
  users += 1
  const before = (await fixture.batches()).length
  await fixture.adjust([[`user-${users}`, 7n]])
  await fixture.flush()
  // What waited already may go in a batch of its own.
  await waitUntil(
    async () => {
      const batches = await fixture.batches()
      return batches.length > before && batches.every(({ state }) => state === "mined")
    },
    { what: "another batch is mined", describe: () => fixture.batches() },
  )
  // What comes next is not to be flushed along with it.
  await waitUntil(
    async () => (await listLanes(fixture.db, [fixture.chainId]))[0]?.flushRequestedAt === null,
    {
      what: "the flush is over",
    },
  )
}

describe("anchoring", () => {
  it("takes the newest checkpoint to the chain by the same nonces as batches, and skips what it covers", async () => {
    const first = await checkpoint()
    const second = await checkpoint()
    const third = await checkpoint()
    fixture.run()
    await fixture.anchorIn("mined", third.treeSize)
    await settles()

    expect(await states()).toEqual(["skipped", "skipped", "mined"])
    expect(await rootOf(third.treeSize)).toBe(third.root)
    expect([await rootOf(first.treeSize), await rootOf(second.treeSize)]).toEqual([
      `0x${"0".repeat(64)}`,
      `0x${"0".repeat(64)}`,
    ])
    const [anchored, settled] = await fixture.transactions()
    expect(anchored).toMatchObject({ nonce: 0n, tree_size: third.treeSize, batch_sequence: null })
    expect(settled).toMatchObject({ nonce: 1n, tree_size: null, batch_sequence: 1n })
    const [, , row] = await fixture.anchors()
    expect(row).toMatchObject({ contract: fixture.auditAnchor, tx_hash: anchored?.hash, failures: 0 })
    expect(row?.gas_used).toBeGreaterThan(0n)
    expect(await alarms()).toEqual([])
  })

  it("anchors no more often than the interval says, and then only the newest", async () => {
    await anchorAtMostEvery(3_600_000n)
    const first = await checkpoint()
    fixture.run()
    const { sealed_at: firstAt } = await fixture.anchorIn("mined", first.treeSize)
    const skipped = await checkpoint()
    await settles()
    expect(await fixture.anchor().newest(fixture.ledgerId)).toBe(first.treeSize)
    const last = await checkpoint()
    // Part of it is over already.
    const intervalMs = Date.now() - firstAt.getTime() + 2_000
    await fixture.db
      .updateTable("registry.anchor_policy")
      .set({ interval_ms: BigInt(intervalMs) })
      .execute()
    const { sealed_at: lastAt } = await fixture.anchorIn("mined", last.treeSize)
    expect(lastAt.getTime() - firstAt.getTime()).toBeGreaterThanOrEqual(intervalMs)
    expect(await rootOf(skipped.treeSize)).toBe(`0x${"0".repeat(64)}`)
    expect(await states()).toEqual(["mined", "skipped", "mined"])
  })

  it("does nothing without a checkpoint, without the contract, and on a chain that is not the one for it", async () => {
    fixture.run()
    await settles()
    await fixture.db.updateTable("registry.chains").set({ audit_anchor: null }).execute()
    await checkpoint()
    await settles()
    // In this order: with the contract and no policy yet the chain would be the one for it.
    await fixture.db.insertInto("registry.anchor_policy").values({ chain_id: 1n, interval_ms: 1n }).execute()
    await fixture.db.updateTable("registry.chains").set({ audit_anchor: fixture.auditAnchor }).execute()
    await settles()
    expect(await fixture.anchors()).toEqual([])
    // Of batches: how many, replacements tell.
    expect((await fixture.transactions()).filter((row) => row.tree_size !== null)).toEqual([])
  })

  it("seals none of a ledger for which somebody else has anchored, and settles on", async () => {
    const { treeSize } = await checkpoint()
    const subject = `31337:${fixture.ledgerId}:7`
    await sql`INSERT INTO registry.alarms (alarm_id, kind, subject, message)
      VALUES (gen_random_uuid(), 'foreign_anchor', ${subject}, 'x')`.execute(fixture.db)
    fixture.run()
    await fixture.flush()
    // What the checkpoint covers.
    await fixture.batchesIn("mined", 1)
    await settles()
    await settles()
    expect(await states()).toEqual([])
    await sql`UPDATE registry.alarms SET cleared_at = now() WHERE subject = ${subject}`.execute(fixture.db)
    await fixture.anchorIn("mined", treeSize)
  })

  it("signs no checkpoint that somebody changed, and settles on", async () => {
    const { treeSize } = await checkpoint()
    const owner = new pg.Client({ connectionString: fixture.database.ownerUrl })
    await owner.connect()
    await owner.query(`UPDATE ledger.checkpoints SET root = decode('${"ab".repeat(32)}', 'hex')`)
    await owner.end()
    fixture.run()
    await waitUntil(async () => (await alarms()).includes("anchor_failing"), { what: "somebody is told" })
    await settles()
    expect(await rootOf(treeSize)).toBe(`0x${"0".repeat(64)}`)
    expect((await fixture.transactions()).map((row) => row.tree_size)).toEqual([null])
    expect((await fixture.anchors())[0]?.last_error).toMatch(/is not what was signed/)
  })
})

describe("a batcher that is killed with -9", () => {
  it.each(sampled(stepsOfEveryCall, 2))(
    "at %s anchors a checkpoint once, by one transaction",
    async (step) => {
      const { treeSize, root } = await checkpoint()
      const first = fixture.spawn({ dieAt: step })
      expect(await first.ended, first.log()).toBe("SIGKILL")
      const saved = await fixture.transactions()

      const second = fixture.spawn()
      await fixture.anchorIn("mined", treeSize).catch((error: unknown) => {
        throw new Error(second.log(), { cause: error })
      })
      expect(await rootOf(treeSize)).toBe(root)
      const transactions = await fixture.transactions()
      expect(transactions.map(({ nonce }) => nonce)).toEqual([0n])
      // What was saved is what was sent: the same bytes, no second signature.
      expect(transactions.slice(0, saved.length).map(({ raw }) => raw)).toEqual(saved.map(({ raw }) => raw))
      expect(await fixture.chain.getTransactionCount({ address: fixture.token.operator })).toBe(1)
    },
  )
})

describe("two batchers", () => {
  it("anchor each checkpoint once, among the batches that they settle", async () => {
    await anchorAtMostEvery(1n)
    const batchers = [fixture.spawn(), fixture.spawn()]
    const anchored = []
    for (let round = 0; round < 3; round += 1) {
      const { treeSize, root } = await checkpoint()
      await fixture.flush()
      await fixture.anchorIn("mined", treeSize, 45_000).catch((error: unknown) => {
        throw new Error(batchers.map(({ log }) => log()).join("\n"), { cause: error })
      })
      anchored.push(root === (await rootOf(treeSize)))
    }
    expect(anchored).toEqual([true, true, true])
    await waitUntil(async () => (await fixture.compare()).every(({ ledger, chain }) => ledger === chain), {
      what: "every balance is on the chain",
    })
    const transactions = await fixture.transactions()
    expect(transactions.map(({ nonce }) => nonce)).toEqual(transactions.map((_, index) => BigInt(index)))
    expect(transactions.filter((row) => row.tree_size !== null)).toHaveLength(3)
  })
})

describe("a contract", () => {
  it("that refuses the signer holds no batch up, alarms, and has the newest checkpoint once it lets it in", async () => {
    await fixture.anchor().setRole(fixture.token.operator, false)
    // Failures wait for minutes; an hour later it is still the same anchor.
    const { treeSize } = await checkpoint()
    const batcher = fixture.run()
    const failing = () =>
      waitUntil(async () => (await fixture.anchors()).find(({ failures }) => failures > 0) ?? false, {
        what: "the anchor failed",
      })
    expect((await failing()).last_error).toMatch(/AccessControlUnauthorizedAccount/)
    await settles()
    await fixture.db.updateTable("settlement.anchors").set({ failures: 4, retry_at: new Date() }).execute()
    await waitUntil(async () => (await alarms()).includes("anchor_failing"), { what: "somebody is told" })
    await settles()
    expect((await fixture.transactions()).map((row) => row.tree_size)).toEqual([null, null])

    await fixture.stop(batcher)
    await fixture.anchor().setRole(fixture.token.operator, true)
    const next = await checkpoint()
    fixture.run()
    await waitUntil(async () => (await states()).join() === "skipped,sealed", {
      what: "the newer one goes instead",
    })
    // It goes on where the other one was: it waits as long, and counts on.
    expect((await fixture.anchors())[1]).toMatchObject({ failures: 5 })
    await fixture.db.updateTable("settlement.anchors").set({ retry_at: new Date() }).execute()
    await fixture.anchorIn("mined", next.treeSize)
    expect(await rootOf(treeSize)).toBe(`0x${"0".repeat(64)}`)
  })

  it("that has the very same root already is no fault, and costs no nonce", async () => {
    const { treeSize, root } = await checkpoint()
    await fixture.anchor().anchorAsStranger(fixture.ledgerId, treeSize, root as `0x${string}`)
    fixture.run()
    await waitUntil(async () => (await fixture.anchors())[0]?.last_error ?? false, {
      what: "it was looked at",
    })
    await settles()
    expect((await fixture.anchors())[0]).toMatchObject({ state: "sealed", failures: 0 })
    expect((await fixture.transactions()).map((row) => row.tree_size)).toEqual([null])
    expect(await alarms()).toEqual([])
  })

  it("where somebody else has anchored another root or a larger tree holds no batch up and gets no transaction", async () => {
    const { treeSize } = await checkpoint()
    const foreign = `0x${"f0".repeat(32)}` as const
    await fixture.anchor().anchorAsStranger(fixture.ledgerId, treeSize, foreign)
    const batcher = fixture.run()
    await waitUntil(async () => (await fixture.anchors())[0]?.last_error ?? false, {
      what: "it was looked at",
    })
    await settles()
    expect((await fixture.anchors())[0]?.last_error).toMatch(/RootDiffers/)
    await fixture.stop(batcher)

    await fixture.anchor().anchorAsStranger(fixture.ledgerId, treeSize + 1_000n, foreign)
    await checkpoint()
    fixture.run()
    await waitUntil(async () => (await states()).join() === "skipped,sealed", {
      what: "the newer one goes instead",
    })
    await fixture.db.updateTable("settlement.anchors").set({ retry_at: new Date() }).execute()
    await waitUntil(async () => (await fixture.anchors())[1]?.last_error ?? false, {
      what: "it was looked at",
    })
    await settles()
    expect((await fixture.anchors())[1]?.last_error).toMatch(/TreeSizeNotNewer/)
    expect((await fixture.transactions()).map((row) => row.tree_size)).toEqual([null, null])
  })

  it("is sent a reverted anchor no second time when another transaction was faster", async () => {
    await fixture.rpc("evm_setAutomine", false)
    const { treeSize, root } = await checkpoint()
    const batcher = fixture.run()
    await fixture.anchorIn("broadcast", treeSize)
    await fixture.stop(batcher)
    // In front of ours, which nobody sends again meanwhile: ours reverts.
    await fixture.rpc("anvil_dropAllTransactions")
    await fixture.anchor().anchorAsStranger(fixture.ledgerId, treeSize, root as `0x${string}`)
    fixture.run()
    await waitUntil(
      async () => {
        await fixture.rpc("evm_mine")
        return (await fixture.anchors())[0]?.state === "sealed"
      },
      { what: "the reverted anchor is final" },
    )
    await fixture.rpc("evm_setAutomine", true)
    await fixture.db.updateTable("settlement.anchors").set({ retry_at: new Date() }).execute()
    await waitUntil(
      async () => /has this root already/.test((await fixture.anchors())[0]?.last_error ?? ""),
      {
        what: "it was looked at again",
        describe: fixture.anchors,
      },
    )
    await settles()
    expect((await fixture.transactions()).map((row) => row.tree_size)).toEqual([treeSize, null])
    expect((await fixture.batches())[0]?.state).toBe("mined")
  })
})

it("anchors wait for batches and not the other way round", async () => {
  // One nonce at a time, and the chain stands still: the batch has it.
  await fixture.rpc("evm_setAutomine", false)
  await fixture.adjust([["ann", 1n]])
  await fixture.flush()
  const limits = { signerInFlightMax: 1, signerAnchorsInFlightMax: 1 }
  fixture.run({ limits })
  await fixture.batchesIn("broadcast", 1)
  const { treeSize } = await checkpoint()
  await fixture.anchorIn("broadcast", treeSize)
  await fixture.adjust([["bob", 1n]])
  await fixture.flush()
  await waitUntil(async () => (await fixture.batches()).length === 2, { what: "the second batch is sealed" })
  // The anchor has a place of its own, in which no batch has to wait for it.
  await fixture.rpc("evm_mine")
  await fixture.rpc("evm_setAutomine", true)
  await fixture.batchesIn("mined", 2)
  expect((await fixture.transactions()).map((row) => row.tree_size)).toEqual([null, treeSize, null])
})

it("a ledger's anchors go one at a time: the next one waits until the last is mined, and keeps it its nonce", async () => {
  await anchorAtMostEvery(1n)
  await fixture.rpc("evm_setAutomine", false)
  const first = await checkpoint()
  fixture.run()
  await fixture.anchorIn("broadcast", first.treeSize)
  const second = await checkpoint()
  // Several looks of the desk, which make a batch on the way.
  await fixture.flush()
  await fixture.batchesIn("broadcast", 1)
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect(await states()).toEqual(["broadcast"])
  await fixture.rpc("evm_mine")
  await fixture.rpc("evm_setAutomine", true)
  await fixture.anchorIn("mined", second.treeSize)
  expect(await states()).toEqual(["mined", "mined"])
  expect([await rootOf(first.treeSize), await rootOf(second.treeSize)]).toEqual([first.root, second.root])
})

it("an anchor that has a nonce is never skipped, whatever comes after it", async () => {
  const sizes = [await checkpoint(), await checkpoint(), await checkpoint()].map(({ treeSize }) => treeSize)
  const [first = 0n, second = 0n] = sizes
  const signer = { chainId: fixture.chainId, address: fixture.token.operator }
  const batcher = createBatcher(fixture.context())
  await registerSigner(fixture.db, signer, 0n)
  const lease = await holdSigner(fixture.db, signer, batcher.processId, 60_000)
  if (lease === null || fixture.auditAnchor === null) throw new Error("nobody else is here")
  const row = {
    ledger_id: fixture.ledgerId,
    chain_id: fixture.chainId,
    contract: fixture.auditAnchor,
    sealed_at: new Date(),
  }
  // As after a reorganisation that took back what a stranger had anchored: the older one has a nonce again.
  await fixture.db
    .insertInto("settlement.anchors")
    .values([
      { ...row, tree_size: first, state: "simulated" },
      { ...row, tree_size: second, state: "sealed" },
    ])
    .execute()
  const key = { kind: "anchor", ledgerId: fixture.ledgerId, treeSize: first } as const
  await reserveNonces({ db: fixture.db, signer, lease }, [key], new Date())
  expect(await sealDueAnchors(batcher, { db: fixture.db, signer, lease })).toBe(1)
  expect(await states()).toEqual(["simulated", "skipped", "sealed"])
})

import { sql } from "kysely"
import type { Hex } from "viem"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { stepsOfEveryCall } from "../../../batcher/batcher-context.ts"
import { ledgerIdBytes } from "../../../ledger/domain/wallet-address.ts"
import { createLoopFixture, type LoopFixture } from "../../support/loop-fixture.ts"
import { sampled } from "../../support/sampled.ts"
import { waitUntil } from "../../support/wait-until.ts"

let loop: LoopFixture
let users = 0
/** How many findings there were when the test that runs began. */
let before: number

beforeAll(async () => {
  loop = await createLoopFixture({ settlement: { anchors: true } })
  await loop.db.insertInto("registry.anchor_policy").values({ chain_id: null, interval_ms: 1n }).execute()
})
afterAll(async () => loop?.close())
beforeEach(async () => {
  before = (await loop.findings()).length
})

const findings = async () => (await loop.findings()).slice(before)
const types = async () => (await findings()).map(({ type }) => type)

async function checkpoint(): Promise<{ treeSize: bigint; root: Hex }> {
  users += 1
  await loop.adjust([[`user-${users}`, 100n]])
  return loop.checkpoint()
}

/** Signs the log and has a batcher in this process anchor it. */
async function anchored(): Promise<{ treeSize: bigint; root: Hex }> {
  const made = await checkpoint()
  const batcher = loop.run()
  await loop.anchorIn("mined", made.treeSize)
  await loop.stop(batcher)
  return made
}

const anchorOf = async (treeSize: bigint) =>
  (await loop.anchors()).find(({ tree_size }) => tree_size === treeSize)

async function anchoredPosition(treeSize: bigint): Promise<bigint | null> {
  const row = await loop.db
    .selectFrom("ledger.checkpoints")
    .select("anchored_position")
    .where("tree_size", "=", treeSize)
    .executeTakeFirstOrThrow()
  return row.anchored_position
}

const depthOf = async (blockNumber: bigint | null) =>
  Number((await loop.chain.getBlockNumber()) - (blockNumber ?? 0n)) + 1

async function expectAnchored({ treeSize, root }: { treeSize: bigint; root: Hex }): Promise<void> {
  const position = await anchoredPosition(treeSize)
  const { rows } = await sql<{ type: string; data: object }>`
    SELECT type, data FROM ledger.events WHERE ledger_id = ${loop.ledgerId} AND position = ${position}`.execute(
    loop.db,
  )
  const row = await anchorOf(treeSize)
  expect(row).toMatchObject({ state: "confirmed", contract: loop.auditAnchor })
  expect(rows).toMatchObject([
    {
      type: "CheckpointAnchored",
      data: {
        tree_size: Number(treeSize),
        root,
        anchor: loop.auditAnchor,
        transaction_hash: row?.tx_hash,
        block_hash: row?.block_hash,
      },
    },
  ])
  expect(await loop.anchor().rootOf(loop.ledgerId, treeSize)).toBe(root)
  expect(await loop.verify()).toMatchObject({ ok: true })
}

describe("an anchor", () => {
  test("counts when its block is deep enough, and not before", async () => {
    const made = await anchored()
    await loop.indexed()
    await loop.follow()
    expect([await types(), await anchoredPosition(made.treeSize)]).toEqual([[], null])
    await loop.confirmAll()
    expect(await types()).toEqual(["CheckpointAnchored"])
    await expectAnchored(made)

    const { rows } = await sql`
      SELECT contract, ledger_id, tree_size, root FROM chain.anchor_event`.execute(loop.db)
    expect(rows).toEqual([
      {
        contract: loop.auditAnchor,
        ledger_id: ledgerIdBytes(loop.ledgerId),
        tree_size: made.treeSize,
        root: made.root,
      },
    ])
    expect((await anchorOf(made.treeSize))?.gas_used).toBeGreaterThan(0n)
  })

  test("is no reason for another one: a ledger in which nothing else happens is anchored once", async () => {
    const made = await anchored()
    await loop.confirmAll()
    const next = await loop.checkpoint()
    expect(next.treeSize).toBe(made.treeSize + 1n)
    const batcher = loop.run({ limits: { fallbackPollMs: 100 } })
    await loop.settle([["ann", 5n]])
    expect(await anchorOf(next.treeSize)).toBeUndefined()
    // What was settled meanwhile is a reason.
    const last = await loop.checkpoint()
    await loop.anchorIn("mined", last.treeSize)
    await loop.stop(batcher)
    await loop.confirmAll()
    expect((await anchorOf(next.treeSize))?.state).toBe("skipped")
    expect(await anchoredPosition(next.treeSize)).toBeNull()
    await expectAnchored(last)
  })

  test.each(sampled(stepsOfEveryCall, 2))(
    "is on the chain and in the log once, when its batcher is killed at %s",
    async (step) => {
      const made = await checkpoint()
      const count = (await loop.transactions()).length
      const first = loop.spawn({ dieAt: step })
      expect(await first.ended, first.log()).toBe("SIGKILL")
      const second = loop.spawn()
      await loop.anchorIn("mined", made.treeSize)
      second.child.kill("SIGTERM")
      await second.ended
      await loop.confirmAll()
      expect(await types()).toEqual(["CheckpointAnchored"])
      await expectAnchored(made)
      expect(await loop.transactions()).toHaveLength(count + 1)
    },
  )

  test("that somebody else brought to the chain is as good, and the reserved nonce is not lost", async () => {
    const made = await checkpoint()
    const first = loop.spawn({ dieAt: "reserved" })
    await first.ended
    await loop.anchor().anchorAsStranger(loop.ledgerId, made.treeSize, made.root)
    await loop.confirmAll()
    await expectAnchored(made)
    const batcher = loop.run()
    await loop.settle([["bob", 5n]])
    await loop.stop(batcher)
    await loop.confirmAll()
    const nonces = (await loop.transactions()).map(({ nonce }) => nonce)
    expect(nonces).toEqual(nonces.map((_, index) => BigInt(index)))
    await expectAnchored(made)
  })
})

describe("verify names", () => {
  test.each([
    ["an anchor that is not confirmed in its table", { state: "mined" }, /lacks the row of tree_size/],
    ["another contract", { contract: `0x${"0c".repeat(20)}` }, /contract is 0x0c0c.*, the log says 0x/],
    ["another transaction", { tx_hash: `0x${"0c".repeat(32)}` }, /tx_hash is 0x0c0c.*, the log says 0x/],
    ["another block", { block_number: 1n }, /block_number is 1, the log says/],
  ] as const)("%s", async (_, change, message) => {
    const [row] = (await loop.anchors()).filter(({ state }) => state === "confirmed")
    const set = (values: object) =>
      loop.db
        .updateTable("settlement.anchors")
        .set(values)
        .where("tree_size", "=", row?.tree_size ?? 0n)
        .execute()
    await set(change)
    expect(await loop.verify()).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/^settlement\.anchors/),
    })
    expect(await loop.verify()).toMatchObject({ problem: expect.stringMatching(message) })
    await set(row ?? {})
    expect(await loop.verify()).toMatchObject({ ok: true })
  })
})

describe("a reorganisation", () => {
  test("above the confirmed blocks has the anchor sent again, and confirmed once", async () => {
    const made = await anchored()
    const transactions = await loop.transactions()
    await loop.indexed()
    await loop.rpc("anvil_reorg", 1, [])
    await loop.indexed()
    expect(await loop.anchor().rootOf(loop.ledgerId, made.treeSize)).toBe(`0x${"0".repeat(64)}`)
    const batcher = loop.run({ limits: { rebroadcastMs: 200 } })
    await waitUntil(async () => (await loop.anchor().newest(loop.ledgerId)) === made.treeSize, {
      what: "the anchor is on the chain again",
      describe: loop.anchors,
    })
    await loop.anchorIn("mined", made.treeSize)
    await loop.stop(batcher)
    await loop.confirmAll()
    expect(await types()).toEqual(["CheckpointAnchored"])
    await expectAnchored(made)
    expect(await loop.transactions()).toHaveLength(transactions.length)
  })

  test("that puts it into another block leaves no gas of the block that is gone", async () => {
    const made = await anchored()
    const first = await anchorOf(made.treeSize)
    expect(first?.gas_used).toBeGreaterThan(0n)
    const { raw } = (await loop.transactions()).find(({ hash }) => hash === first?.tx_hash) ?? {}
    await loop.indexed()
    await loop.rpc("anvil_reorg", await depthOf(first?.block_number ?? null), [])
    await loop.mine(1)
    await loop.rpc("eth_sendRawTransaction", raw)
    await loop.confirmAll()
    const last = await anchorOf(made.treeSize)
    expect(last).toMatchObject({ state: "confirmed", tx_hash: first?.tx_hash, gas_used: null })
    expect(last?.block_hash).not.toBe(first?.block_hash)
  })

  test("below them takes it back, and the batcher sends the same bytes again", async () => {
    const made = await anchored()
    await loop.confirmAll()
    await expectAnchored(made)
    const first = await anchorOf(made.treeSize)
    const sent = await loop.transactions()
    await loop.indexed()
    await loop.rpc("anvil_reorg", await depthOf(first?.block_number ?? null), [])
    await loop.mine(3)
    await loop.indexed()
    const [revoked] = await loop.follow()
    expect(revoked).toMatchObject({ outcome: "revoked", revoked: 1 })
    expect((await findings()).at(-1)).toMatchObject({
      type: "ConfirmationRevoked",
      data: { revoked_type: "CheckpointAnchored", batch_sequence: null, accounts: [] },
    })
    expect(await anchoredPosition(made.treeSize)).toBeNull()
    expect(await anchorOf(made.treeSize)).toMatchObject({
      state: "broadcast",
      tx_hash: null,
      confirmed_at: null,
    })
    expect(await loop.verify()).toMatchObject({ ok: true })

    const batcher = loop.run({ limits: { rebroadcastMs: 200 } })
    await loop.anchorIn("mined", made.treeSize)
    await loop.stop(batcher)
    await loop.confirmAll()
    expect(await types()).toEqual(["CheckpointAnchored", "ConfirmationRevoked", "CheckpointAnchored"])
    await expectAnchored(made)
    expect(await anchorOf(made.treeSize)).toMatchObject({ tx_hash: first?.tx_hash })
    expect((await anchorOf(made.treeSize))?.block_hash).not.toBe(first?.block_hash)
    expect((await loop.transactions()).map(({ raw }) => raw)).toEqual(sent.map(({ raw }) => raw))
  })

  test("that takes back what a stranger had anchored leaves it to us", async () => {
    const made = await checkpoint()
    await loop.anchor().anchorAsStranger(loop.ledgerId, made.treeSize, made.root)
    await loop.confirmAll()
    await expectAnchored(made)
    await loop.indexed()
    await loop.rpc("anvil_reorg", await depthOf((await anchorOf(made.treeSize))?.block_number ?? null), [])
    await loop.mine(3)
    await loop.indexed()
    await loop.follow()
    expect(await anchorOf(made.treeSize)).toMatchObject({ state: "skipped" })
    const batcher = loop.run()
    await loop.anchorIn("mined", made.treeSize)
    await loop.stop(batcher)
    await loop.confirmAll()
    await expectAnchored(made)
  })
})

describe("what the indexer and the endpoints have of the contract", () => {
  test("has to be the same before anything is confirmed", async () => {
    await anchored()
    await loop.mine(2)
    await loop.indexed()
    // As if one side looked at the contract and the other one did not.
    expect(await loop.step({ auditAnchor: null })).toMatchObject({
      outcome: "waiting",
      reason: expect.stringMatching(/the indexer has 1 logs .* the chain's endpoints have 0/),
    })
    expect((await loop.alarms()).map(({ kind }) => kind)).toContain("indexer_disagrees")
    expect(await types()).toEqual([])
    await loop.follow()
    expect(await types()).toEqual(["CheckpointAnchored"])
    expect((await loop.alarms()).map(({ kind }) => kind)).not.toContain("indexer_disagrees")
  })
})

// The last one: after it the contract takes no checkpoint of this ledger any more.
describe("a contract that somebody else wrote to", () => {
  const foreign: Hex = `0x${"f0".repeat(32)}`

  test("is never believed, and somebody is told", async () => {
    const made = await checkpoint()
    const elsewhere = "01890a5d-ac96-774b-bcce-b302099a8057"
    await loop.anchor().anchorAsStranger(elsewhere, 3n, foreign)
    await loop.anchor().anchorAsStranger(loop.ledgerId, made.treeSize, foreign)
    await loop.anchor().anchorAsStranger(loop.ledgerId, 2n ** 64n - 1n, foreign)
    await loop.confirmAll()
    expect(await types()).toEqual([])
    expect(await anchoredPosition(made.treeSize)).toBeNull()
    const alarms = (await loop.alarms()).filter(({ kind }) => kind === "foreign_anchor")
    expect(alarms.map(({ subject }) => subject)).toEqual([
      `31337:${loop.ledgerId}:${made.treeSize}`,
      `31337:${loop.ledgerId}:${2n ** 64n - 1n}`,
    ])
    expect(alarms[0]?.message).toContain(`signed is ${made.root}`)
    expect(alarms[1]?.message).toContain("no checkpoint of that size was signed here")
    expect(await loop.verify()).toMatchObject({ ok: true })
  })
})

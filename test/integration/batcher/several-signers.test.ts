import { toHex } from "viem"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type AddedSigner, addSigner, grantOperator } from "../../support/add-signer.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

const plenty = 10n ** 20n

describe("several signers of a chain", () => {
  let fixture: SettlementFixture
  let first: AddedSigner
  let second: AddedSigner
  beforeEach(async () => {
    fixture = await createSettlementFixture({
      strategy: { max_wait_time_ms: 100, max_batch_size: 5, retry_interval_ms: 50 },
    })
    first = { key: fixture.token.operatorKey, address: fixture.token.operator }
    second = await addSigner(fixture.anvil.rpcUrl, fixture.token)
  })
  afterEach(() => fixture.close())

  const keys = () => [first.key, second.key]
  const users = (round: string, count: number) =>
    Array.from({ length: count }, (_, index) => [`${round}-${index}`, BigInt(index + 1)] as const)
  const give = (address: string, wei: bigint) => fixture.rpc("anvil_setBalance", address, toHex(wei))
  const lane = () => fixture.db.selectFrom("settlement.lanes").selectAll().executeTakeFirst()
  /** The lane itself is made by the batcher, a moment after it starts. */
  const isPaused = async () => ((await lane())?.paused_at ?? null) !== null
  /** Without the one that comes before coins are gone: it depends on what was mined by then. */
  const kinds = async () =>
    (await fixture.alarms())
      .map(({ kind }) => kind)
      .filter((kind) => kind !== "signer_balance_low")
      .sort()
  const nonces = () => fixture.db.selectFrom("settlement.nonces").selectAll().orderBy("nonce").execute()
  const noncesOf = async ({ address }: AddedSigner) =>
    (await nonces()).filter(({ signer }) => signer === address).map(({ nonce }) => nonce)

  async function expectSettledOnce(accounts: number): Promise<void> {
    await waitUntil(
      async () => {
        const compared = await fixture.compare()
        return compared.length === accounts && compared.every(({ ledger, chain }) => ledger === chain)
      },
      { what: "every balance is on the chain", timeoutMs: 40_000, describe: () => fixture.batches() },
    )
    const counts = await fixture.settledCounts()
    expect([...counts.values()].every((count) => count === 1)).toBe(true)
    expect(counts.size).toBe((await fixture.batches()).length)
  }

  it("share what waits: each batch has one nonce, each signer uses its own without a gap", async () => {
    const batchers = [fixture.spawn({ signerKeys: keys() }), fixture.spawn({ signerKeys: keys() })]
    for (let round = 0; round < 6; round += 1) await fixture.adjust(users(`round-${round}`, 12))
    await expectSettledOnce(72)
    expect((await nonces()).length, batchers.map(({ log }) => log()).join("\n")).toBe(
      (await fixture.batches()).length,
    )
    for (const signer of [first, second]) {
      const used = await noncesOf(signer)
      expect(used.length).toBeGreaterThan(0)
      expect(used).toEqual(used.map((_, index) => BigInt(index)))
    }
    expect((await fixture.batches()).every(({ failures }) => failures === 0)).toBe(true)
  })

  it("do not wait for the one that has no coins; only when none has are the lanes paused", async () => {
    fixture.run({ signerKeys: keys() })
    await give(first.address, 0n)
    for (let round = 0; round < 4; round += 1) await fixture.adjust(users(`round-${round}`, 10))
    await expectSettledOnce(40)
    expect(await noncesOf(first)).toEqual([])
    expect(await lane()).toMatchObject({ paused_at: null })
    // Whether it was ever asked depends on who was quicker.
    await give(second.address, 0n)
    await fixture.adjust(users("late", 5))
    await waitUntil(async () => (await lane())?.paused_by === "balance", {
      what: "the lane is paused",
      describe: () => fixture.alarms(),
    })
    expect(await kinds()).toEqual(["lane_paused", "signer_balance", "signer_balance"])
    await give(first.address, plenty)
    await expectSettledOnce(45)
    expect(await lane()).toMatchObject({ paused_at: null, paused_by: null })
    expect(await noncesOf(first)).toEqual([0n])
    expect(await kinds()).toEqual(["signer_balance"])
  })

  it("of which one lacks the role on the token: it takes nothing and says so, until the role is granted", async () => {
    const third = await addSigner(fixture.anvil.rpcUrl, fixture.token, { withRole: false })
    const alone = fixture.run({ signerKeys: [third.key] })
    await fixture.adjust(users("alone", 3))
    await waitUntil(async () => (await lane())?.paused_by === "signer", { what: "the lane is paused" })
    expect((await lane())?.paused_reason).toMatch(/may not settle CPOP: grant it the role on 0x/)
    const other = fixture.run({ signerKeys: [second.key] })
    await expectSettledOnce(3)
    expect(await lane()).toMatchObject({ paused_at: null })
    expect(await noncesOf(third)).toEqual([])
    expect(await kinds()).toEqual(["signer_role"])
    expect((await fixture.batches()).every(({ failures }) => failures === 0)).toBe(true)
    await fixture.stop(other)
    await grantOperator(fixture.token, third.address)
    await waitUntil(async () => (await kinds()).length === 0, { what: "the alarm is cleared" })
    await fixture.adjust(users("granted", 3))
    await expectSettledOnce(6)
    expect(await noncesOf(third)).toEqual([0n])
    await fixture.stop(alone)
  })

  it("of which one sleeps with a batch in its hands: the other one settles it, and the sleeper changes nothing", async () => {
    const sleeper = fixture.spawn({ signerKeys: [first.key], freezeAt: "simulated" })
    await fixture.adjust(users("slept", 2))
    await waitUntil(async () => (await fixture.batches())[0]?.state === "simulated", {
      what: "the first one has simulated the batch",
      describe: async () => sleeper.log(),
    })
    fixture.run({ signerKeys: [second.key] })
    await expectSettledOnce(2)
    sleeper.child.kill("SIGCONT")
    await fixture.adjust(users("after", 2))
    await expectSettledOnce(4)
    expect(await noncesOf(second)).toContain(0n)
    expect((await nonces()).length).toBe(2)
    expect((await fixture.batches()).map(({ failures }) => failures)).toEqual([0, 0])
  })

  it("count a batch that fails once for each try, whoever tries", async () => {
    await fixture.token.callAsAdmin("pause")
    fixture.run({ signerKeys: keys() })
    await fixture.adjust(users("paused", 2))
    await waitUntil(isPaused, { what: "the lane is paused" })
    expect(await lane()).toMatchObject({ paused_by: "errors" })
    expect(await fixture.batches()).toMatchObject([{ failures: 3 }])
    expect(await fixture.db.selectFrom("settlement.failures").selectAll().execute()).toHaveLength(3)
    expect(await nonces()).toEqual([])
  })
})

import { createWalletClient, http } from "viem"
import { privateKeyToAccount } from "viem/accounts"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import type { BatcherStep } from "../../../batcher/batcher-context.ts"
import { readSigners } from "../../../ledger/store/read-signers.ts"
import { retireSigner } from "../../../ledger/store/retire-signer.ts"
import { type AddedSigner, addSigner } from "../../support/add-signer.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

describe("exchanging the key that settles", () => {
  let fixture: SettlementFixture
  let old: AddedSigner
  let fresh: AddedSigner
  beforeEach(async () => {
    fixture = await createSettlementFixture({ strategy: { max_wait_time_ms: 100, max_batch_size: 5 } })
    old = { key: fixture.token.operatorKey, address: fixture.token.operator }
    fresh = await addSigner(fixture.anvil.rpcUrl, fixture.token)
  })
  afterEach(() => fixture.close())

  const users = (round: string, count: number) =>
    Array.from({ length: count }, (_, index) => [`${round}-${index}`, BigInt(index + 1)] as const)
  const lane = () => fixture.db.selectFrom("settlement.lanes").selectAll().executeTakeFirstOrThrow()
  const kinds = async () => (await fixture.alarms()).map(({ kind }) => kind).sort()
  const noncesOf = async ({ address }: AddedSigner) =>
    (
      await fixture.db
        .selectFrom("settlement.nonces")
        .selectAll()
        .where("signer", "=", address)
        .orderBy("nonce")
        .execute()
    ).map(({ nonce }) => nonce)
  const stateOf = async ({ address }: AddedSigner) =>
    (await readSigners(fixture.db)).find((signer) => signer.address === address)?.state
  const retire = (isRetired = true) =>
    retireSigner(fixture.db, { address: old.address, chainId: null, isRetired })
  const sent = (count: number) =>
    waitUntil(
      async () =>
        (await fixture.transactions()).filter(({ broadcast_at }) => broadcast_at !== null).length >= count,
      { what: `${count} transactions are sent`, describe: () => fixture.batches() },
    )

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

  async function expectDone(): Promise<void> {
    // Past the confirmation depth of 2.
    await fixture.rpc("anvil_mine", "0x4")
    await fixture.confirm()
    await waitUntil(async () => (await stateOf(old)) === "done", {
      what: "the retired signer is done",
      describe: () => readSigners(fixture.db),
    })
  }

  it("stops nothing: the retired one takes no new nonce, brings its own to an end and says that it is done", async () => {
    const before = fixture.run({ signerKeys: [old.key] })
    await fixture.rpc("evm_setAutomine", false)
    await fixture.adjust(users("before", 10))
    await sent(2)
    await fixture.stop(before)
    // The process is started anew with both keys; nothing of what was sent is mined yet.
    fixture.run({ signerKeys: [old.key, fresh.key] })
    expect(await retire()).toMatchObject([{ chainId: fixture.chainId }])
    await fixture.adjust(users("after", 10))
    await sent(4)
    expect(await noncesOf(old)).toEqual([0n, 1n])
    expect(await noncesOf(fresh)).toEqual([0n, 1n])
    expect(await stateOf(old)).toBe("retiring")
    await fixture.rpc("evm_setAutomine", true)
    await fixture.rpc("evm_mine")
    await expectSettledOnce(20)
    await expectDone()
    expect(await lane()).toMatchObject({ paused_at: null })
    expect(await kinds()).toEqual([])
    // Taken back by a reorganisation, its batches are looked after again.
    await fixture.revoke()
    await waitUntil(async () => (await stateOf(old)) === "retiring" || (await noncesOf(fresh)).length === 2, {
      what: "it is seen",
    })
    await fixture.confirm()
    await waitUntil(async () => (await stateOf(old)) === "done", { what: "it is done again" })
    expect(await retire(false)).toHaveLength(1)
    await waitUntil(async () => (await stateOf(old)) === "active", { what: "it is back" })
  })

  it.each(["reserved", "signed", "saved", "broadcast"] satisfies BatcherStep[])(
    "in the middle of which the process dies at %s: what the old key began is ended, once",
    async (dieAt) => {
      await fixture.rpc("evm_setAutomine", false)
      const dying = fixture.spawn({ signerKeys: [old.key], dieAt, dieAtTime: 2 })
      await fixture.adjust(users("before", 10))
      expect(await dying.ended).toBe("SIGKILL")
      await retire()
      fixture.run({ signerKeys: [old.key, fresh.key] })
      await fixture.adjust(users("after", 5))
      await sent(3)
      await fixture.rpc("evm_setAutomine", true)
      await fixture.rpc("evm_mine")
      await expectSettledOnce(15)
      expect(await noncesOf(old)).toEqual([0n, 1n])
      await expectDone()
    },
  )

  it("whose old key is taken away too early: its transactions are sent again and followed, what it had not signed goes with the new one", async () => {
    await fixture.rpc("evm_setAutomine", false)
    const dying = fixture.spawn({ signerKeys: [old.key], dieAt: "reserved", dieAtTime: 2 })
    await fixture.adjust(users("sent", 5))
    await sent(1)
    await fixture.adjust(users("reserved", 5))
    expect(await dying.ended).toBe("SIGKILL")
    await fixture.rpc("anvil_dropAllTransactions")
    fixture.run({ signerKeys: [fresh.key], limits: { orphanMs: 500 } })
    await waitUntil(async () => (await noncesOf(fresh)).length === 1, {
      what: "the batch without bytes has a nonce of the new key",
      describe: () => fixture.batches(),
    })
    expect(await kinds()).toEqual(["signer_missing"])
    await fixture.rpc("evm_setAutomine", true)
    await fixture.rpc("evm_mine")
    await expectSettledOnce(10)
    await waitUntil(async () => (await kinds()).length === 0, { what: "the alarm is cleared" })
    expect(await stateOf(old)).toBe("away")
    // With its key again, the nonce that was given up is filled, so that it may sign once more.
    fixture.run({ signerKeys: [old.key] })
    await waitUntil(async () => (await fixture.transactions()).length === 3, { what: "the nonce is filled" })
    await fixture.adjust(users("later", 3))
    await expectSettledOnce(13)
  })

  describe("whose old key is taken away with a transaction under way", () => {
    beforeEach(async () => {
      const before = fixture.run({ signerKeys: [old.key] })
      await fixture.rpc("evm_setAutomine", false)
      await fixture.adjust(users("before", 5))
      await sent(1)
      await fixture.stop(before)
      await fixture.rpc("anvil_dropAllTransactions")
    })

    it("and without coins: that keeps the new one from nothing", async () => {
      await fixture.rpc("anvil_setBalance", old.address, "0x0")
      fixture.run({ signerKeys: [fresh.key], limits: { rebroadcastMs: 300 } })
      await waitUntil(
        async () => /insufficient funds/i.test((await fixture.transactions())[0]?.last_error ?? ""),
        { what: "no node takes it", describe: () => fixture.transactions() },
      )
      await fixture.rpc("evm_setAutomine", true)
      await fixture.adjust(users("after", 5))
      await waitUntil(async () => (await fixture.batches())[1]?.state === "mined", {
        what: "the new one settles",
        describe: () => fixture.batches(),
      })
      const ever = await fixture.db.selectFrom("registry.alarms").select(["kind", "subject"]).execute()
      expect(ever.filter(({ kind }) => kind === "signer_balance" || kind === "lane_paused")).toEqual([])
    })

    it("and used by somebody else: the alarm names the old one", async () => {
      const account = privateKeyToAccount(old.key)
      const wallet = createWalletClient({ account, transport: http(fixture.anvil.rpcUrl) })
      await wallet.sendTransaction({ to: account.address, value: 1n, nonce: 0, chain: null })
      await fixture.rpc("anvil_mine", "0x4")
      fixture.run({ signerKeys: [fresh.key] })
      const alarm = await waitUntil(
        async () => (await fixture.alarms()).find(({ kind }) => kind === "foreign_transaction") ?? false,
        { what: "there is an alarm", describe: () => fixture.batches() },
      )
      expect(alarm.subject).toBe(`signer:${fixture.chainId}:${old.address}`)
      expect(alarm.message).toContain(`signer ${old.address} on chain`)
    })
  })

  it("without a new one: the lanes are paused, and go on when the signer is reinstated", async () => {
    fixture.run({ signerKeys: [old.key] })
    await fixture.adjust(users("before", 3))
    await expectSettledOnce(3)
    await retire()
    await waitUntil(async () => (await lane()).paused_by === "signer", { what: "the lane is paused" })
    expect((await lane()).paused_reason).toMatch(/is retired and no other one can settle/)
    await fixture.adjust(users("after", 3))
    await retire(false)
    await expectSettledOnce(6)
    expect(await lane()).toMatchObject({ paused_at: null })
    expect(await kinds()).toEqual([])
  })
})

import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"

describe("the database lets nobody who", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture()
    await fixture.adjust([["ann", 1n]])
    const batcher = fixture.run()
    await fixture.flush()
    await fixture.batchesIn("mined", 1)
    await fixture.adjust([["bob", 1n]])
    await fixture.flush()
    await fixture.batchesIn("mined", 2)
    await fixture.stop(batcher)
  })
  afterEach(() => fixture.close())

  it("puts an account into a second open batch", async () => {
    const [ann] = await fixture.db
      .selectFrom("settlement.batch_accounts")
      .selectAll()
      .where("batch_sequence", "=", 1n)
      .execute()
    if (ann === undefined) throw new Error("nothing is sealed")
    const again = fixture.db.insertInto("settlement.batch_accounts").values({ ...ann, batch_sequence: 2n })
    await expect(again.execute()).rejects.toThrow("batch_accounts_open")
  })

  const nonceOf = async (batchSequence: bigint) => {
    const row = await fixture.db
      .selectFrom("settlement.nonces")
      .selectAll()
      .where("batch_sequence", "=", batchSequence)
      .executeTakeFirstOrThrow()
    return { ...row, spent_in_vain_at: null }
  }

  it("gives a batch a second nonce", async () => {
    const second = fixture.db.insertInto("settlement.nonces").values({ ...(await nonceOf(1n)), nonce: 9n })
    await expect(second.execute()).rejects.toThrow("nonces_batch")
  })

  it("gives a nonce to a second batch", async () => {
    const { nonce } = await nonceOf(1n)
    await fixture.db.updateTable("settlement.nonces").set({ spent_in_vain_at: new Date() }).execute()
    const row = { ...(await nonceOf(2n)), nonce }
    await expect(fixture.db.insertInto("settlement.nonces").values(row).execute()).rejects.toThrow(
      "nonces_pkey",
    )
  })

  it("makes a nonce another batch's, or forgets it", async () => {
    const move = fixture.db
      .updateTable("settlement.nonces")
      .set({ batch_sequence: 2n })
      .where("nonce", "=", 0n)
    await expect(move.execute()).rejects.toThrow("permission denied")
    await expect(fixture.db.deleteFrom("settlement.nonces").execute()).rejects.toThrow("permission denied")
    await expect(fixture.db.deleteFrom("settlement.signers").execute()).rejects.toThrow("permission denied")
  })

  it("takes back that a nonce was given up", async () => {
    await fixture.db.updateTable("settlement.nonces").set({ spent_in_vain_at: new Date() }).execute()
    const back = fixture.db.updateTable("settlement.nonces").set({ spent_in_vain_at: null })
    await expect(back.execute()).rejects.toThrow("was given up, and stays so")
  })

  it("gives nonces out again", async () => {
    const again = fixture.db.updateTable("settlement.signers").set({ next_nonce: 1n })
    await expect(again.execute()).rejects.toThrow("below 2 were given out")
  })
})

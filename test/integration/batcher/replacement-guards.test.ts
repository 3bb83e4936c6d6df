import { randomBytes, randomUUID } from "node:crypto"
import type { Insertable, Selectable } from "kysely"
import pg from "pg"
import type { Hex } from "viem"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { createEnvironmentSigner } from "../../../batcher/chain/environment-signer.ts"
import { readSigned, signCall } from "../../../batcher/chain/sign-call.ts"
import { holdSigner } from "../../../batcher/store/leases.ts"
import { saveReplacement } from "../../../batcher/store/transactions.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { mineAll, stickBatch } from "../../support/stuck-batch.ts"

type Row = Insertable<Database["settlement.transactions"]>
type Saved = Selectable<Database["settlement.transactions"]>

describe("what the database lets nobody save", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture()
    const batcher = fixture.run()
    await stickBatch(fixture, () => undefined)
    await fixture.stop(batcher)
  })
  afterEach(() => fixture.close())

  /** A replacement of the only transaction, as it should be but for `changes`. */
  async function replacement(changes: (last: Saved) => Partial<Row> = () => ({})): Promise<Row> {
    const [last] = await fixture.transactions()
    if (last === undefined) throw new Error("nothing is saved")
    return {
      ...last,
      hash: `0x${randomBytes(32).toString("hex")}`,
      attempt: last.attempt + 1,
      max_fee_per_gas: (last.max_fee_per_gas * 9n + 7n) / 8n,
      max_priority_fee_per_gas: ((last.max_priority_fee_per_gas ?? 0n) * 9n + 7n) / 8n,
      ...changes(last),
    }
  }

  const save = (row: Row) => fixture.db.insertInto("settlement.transactions").values(row).execute()

  it("takes the same call at fees that are an eighth higher", async () => {
    await save(await replacement())
    expect(await fixture.transactions()).toHaveLength(2)
  })

  const refused: readonly (readonly [string, (last: Saved) => Partial<Row>, RegExp])[] = [
    ["another calldata", () => ({ calldata_hash: `0x${"11".repeat(32)}` }), /another call/],
    ["another target", () => ({ target: `0x${"22".repeat(20)}` }), /another call/],
    ["another type", () => ({ transaction_type: "legacy", max_priority_fee_per_gas: null }), /another call/],
    ["less gas", ({ gas_limit }) => ({ gas_limit: gas_limit - 1n }), /another call/],
    ["a second transaction that replaces none", () => ({ attempt: 1 }), /has a transaction already/],
    ["a gap in the attempts", () => ({ attempt: 3 }), /has a transaction already/],
    [
      "a fee that rises too little",
      ({ max_fee_per_gas }) => ({ max_fee_per_gas: (max_fee_per_gas * 9n) / 8n - 1n }),
      /enough more/,
    ],
    [
      "a tip that does not rise",
      ({ max_priority_fee_per_gas }) => ({ max_priority_fee_per_gas }),
      /enough more/,
    ],
    ["a nonce that is nobody's", () => ({ nonce: 7n }), /not for the call/],
    ["a nonce of another call", () => ({ batch_sequence: null, tree_size: 4n }), /not for the call/],
  ]
  it(refused.map(([what]) => what).join("; "), async () => {
    for (const [what, changes, refusal] of refused)
      await expect(save(await replacement(changes)), what).rejects.toThrow(refusal)
    expect(await fixture.transactions()).toHaveLength(1)
  })

  it("another transaction for a nonce that is mined, and no first one with a later number", async () => {
    const row = await replacement()
    fixture.run()
    await mineAll(fixture, 1)
    await expect(save(row)).rejects.toThrow(/may not be replaced/)
    await fixture.confirm()
    await expect(save(row)).rejects.toThrow(/may not be replaced/)
  })

  it("anything else in the place of what was signed", async () => {
    const alter = fixture.db.updateTable("settlement.transactions").set({ raw: "0x" }).execute()
    await expect(alter).rejects.toThrow(/permission denied/)
    const remove = fixture.db.deleteFrom("settlement.transactions").execute()
    await expect(remove).rejects.toThrow(/permission denied/)
  })

  it("a replacement for a nonce whose call was given back to be signed anew", async () => {
    const row = await replacement()
    const owner = new pg.Client({ connectionString: fixture.database.ownerUrl })
    await owner.connect()
    await owner.query("UPDATE settlement.batches SET state = 'simulated'")
    await owner.end()
    await expect(save(row)).rejects.toThrow(/may not be replaced/)
  })

  it("a replacement that was signed for a nonce which has gone on since: it is thrown away, and nothing fails", async () => {
    const [last] = await fixture.transactions()
    if (last?.batch_sequence == null) throw new Error("no batch's transaction is saved")
    const signer = { chainId: fixture.chainId, address: last.signer }
    const lease = await holdSigner(fixture.db, signer, randomUUID(), 60_000)
    if (lease === null) throw new Error("nobody else is here")
    const environment = createEnvironmentSigner({ SIGNER_PRIVATE_KEY: fixture.token.operatorKey })
    const key = { kind: "batch", ledgerId: last.ledger_id, batchSequence: last.batch_sequence } as const
    const attempt = async (replaces: number, factor: bigint) => {
      const { chainId, nonce, to, data, gasLimit } = readSigned(last.raw as Hex)
      const maxFeePerGas = last.max_fee_per_gas * factor
      const maxPriorityFeePerGas = (last.max_priority_fee_per_gas ?? 0n) * factor
      const call = {
        chainId,
        nonce,
        to,
        data,
        gasLimit,
        type: "eip1559",
        maxFeePerGas,
        maxPriorityFeePerGas,
      } as const
      const raw = await signCall(environment, call)
      return saveReplacement(fixture.db, { signer, lease, key, call, raw, savedAt: new Date(), replaces })
    }
    expect(await attempt(1, 2n)).toBe(true)
    expect(await attempt(1, 4n)).toBe(false)
    await fixture.db
      .updateTable("settlement.batches")
      .set({ state: "confirmed", tx_hash: last.hash })
      .execute()
    expect(await attempt(2, 4n)).toBe(false)
    expect(await fixture.transactions()).toHaveLength(2)
  })
})

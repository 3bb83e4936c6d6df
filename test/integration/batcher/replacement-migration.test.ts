import { sql } from "kysely"
import { afterEach, beforeEach, expect, it } from "vitest"
import { up } from "../../../ledger/migrations/013-replacements.ts"
import { createKysely, createPool } from "../../../platform/postgres.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"

let fixture: SettlementFixture
beforeEach(async () => {
  fixture = await createSettlementFixture()
})
afterEach(() => fixture.close())

it("what was saved before nonces could have several transactions is told from its bytes", async () => {
  const batcher = fixture.run()
  await fixture.adjust([["ann", 7n]])
  await fixture.flush()
  await fixture.batchesIn("mined", 1)
  await fixture.stop(batcher)
  const [saved] = await fixture.transactions()

  const owner = createKysely<unknown>(
    createPool({ databaseUrl: fixture.database.ownerUrl, applicationName: "test", connectionsMax: 1 }),
  )
  // As it was before.
  for (const statement of [
    "DROP TRIGGER check_transaction ON settlement.transactions",
    "DROP FUNCTION settlement.check_transaction",
    "ALTER TABLE settlement.transactions DROP COLUMN attempt, DROP COLUMN transaction_type, DROP COLUMN target, DROP COLUMN calldata_hash, DROP COLUMN waiting_since",
    "CREATE INDEX transactions_nonce ON settlement.transactions (chain_id, signer, nonce)",
    "ALTER TABLE registry.chains DROP COLUMN transaction_type, DROP COLUMN max_fee_per_gas, DROP COLUMN replace_after_ms, DROP COLUMN replace_after_max_ms, DROP COLUMN private_relay_alone_ms",
  ])
    await sql.raw(statement).execute(owner)
  await up(owner)
  await owner.destroy()

  expect(await fixture.transactions()).toEqual([{ ...saved, waiting_since: saved?.broadcast_at }])
})

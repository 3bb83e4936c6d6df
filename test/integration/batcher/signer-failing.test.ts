import { randomUUID } from "node:crypto"
import type { KyselyPlugin } from "kysely"
import { afterEach, beforeEach, expect, it } from "vitest"
import { holdSigner, releaseLeases } from "../../../batcher/store/leases.ts"
import { subjectOfSigner } from "../../../batcher/store/signer-standing.ts"
import { raiseAlarm } from "../../../ledger/store/alarms.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

let fixture: SettlementFixture
beforeEach(async () => {
  fixture = await createSettlementFixture()
})
afterEach(() => fixture.close())

/** Counts how often a process asks for a signer's lease. */
function countClaims(): { readonly plugin: KyselyPlugin; readonly claims: () => number } {
  let claims = 0
  const plugin: KyselyPlugin = {
    transformQuery({ node }) {
      const isClaim =
        node.kind === "RawNode" && node.sqlFragments.some((text) => text.includes("settlement.signers SET"))
      if (isClaim) claims += 1
      return node
    },
    transformResult: async ({ result }) => result,
  }
  return { plugin, claims: () => claims }
}

it("a signer that cannot work is told of until its lease's holder has worked: who only waits for the lease clears nothing", async () => {
  await fixture.stop(fixture.run())
  const key = { chainId: fixture.chainId, address: fixture.token.operator }
  const holder = randomUUID()
  expect(await holdSigner(fixture.db, key, holder, 120_000)).not.toBeNull()
  const subject = subjectOfSigner(key)
  await raiseAlarm(fixture.db, { kind: "signer_failing", subject, ledgerId: null, message: "it fails" })
  const { plugin, claims } = countClaims()
  fixture.run({ db: fixture.db.withPlugin(plugin) })
  await waitUntil(async () => claims() >= 3, { what: "it has asked for the lease" })
  expect(await fixture.alarms()).toMatchObject([{ kind: "signer_failing" }])
  await releaseLeases(fixture.db, holder)
  await waitUntil(async () => (await fixture.alarms()).length === 0, { what: "the alarm is cleared" })
})

import { sql } from "kysely"
import { expect, it } from "vitest"
import { verifyLedger } from "../../../ledger/audit/verify-ledger.ts"
import { settleByHand } from "../../support/settle-by-hand.ts"
import { startTestApi } from "../../support/test-api.ts"

it("verify names an intake that is gone also where nothing waits: settlement would never go on", async () => {
  const api = await startTestApi()
  try {
    const { ledgerId } = api.app
    const settlement = await settleByHand(api.db, ledgerId, api.tokens.cpop.tokenId)
    await api.fund("ann", "1")
    const back = { user_id: "ann", token_symbol: "CPOP", amount: "-1", reason_type: "consumption" }
    await api.adjust({ adjustments: [back] })
    await settlement.takeIn()
    expect(await settlement.seal()).toBeNull()
    expect(await verifyLedger(api.db, ledgerId)).toMatchObject({ ok: true })
    await sql`DELETE FROM settlement.intake`.execute(api.db)
    expect(await verifyLedger(api.db, ledgerId)).toMatchObject({
      ok: false,
      problem: expect.stringMatching(/^settlement\.intake says that it has read up to 0/),
    })
  } finally {
    await api.close()
  }
})

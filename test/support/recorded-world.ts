import { randomBytes } from "node:crypto"
import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { startChainsToRegister } from "./chains-to-register.ts"
import { seedPerson, signIn, type TestPerson, testIdentity } from "./people.ts"
import { type Act, recordedActs } from "./recorded-acts.ts"
import { settleByHand } from "./settle-by-hand.ts"
import { startTestApi, type TestApi } from "./test-api.ts"

/** An API in which everything can be done that the audit log tells of. */
export type RecordedWorld = {
  readonly api: TestApi
  readonly owner: Kysely<Database>
  /** Admin of every app. */
  readonly ann: TestPerson
  /** What Ann sends along to act in the app. */
  readonly asAnn: Readonly<Record<string, string>>
  readonly acts: Readonly<Record<string, Act>>
  stop(): Promise<void>
}

export async function startRecordedWorld(): Promise<RecordedWorld> {
  const chains = await startChainsToRegister()
  const api = await startTestApi({
    identity: testIdentity,
    limits: { laneMaxAgeMs: 0 },
    webhooks: { secretKeys: [randomBytes(32)] },
    environment: chains.environment,
  })
  const owner = api.openAsOwner()
  const settlement = await settleByHand(api.db, api.app.ledgerId, api.tokens.cpop.tokenId)
  const ann = await seedPerson(api, [{ role: "admin", appId: null }])
  const { headers } = await signIn(api, ann)
  return {
    api,
    owner,
    ann,
    asAnn: { ...headers, "x-app-id": api.app.appId },
    acts: recordedActs({ api, chains, settlement, ann }),
    async stop() {
      await owner.destroy()
      await api.close()
      await chains.stop()
    },
  }
}

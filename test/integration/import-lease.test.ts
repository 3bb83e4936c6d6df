import { afterAll, beforeAll, expect, test } from "vitest"
import { applyImport } from "../../api/imports/apply-import.ts"
import { claimImport } from "../../api/imports/import-store.ts"
import { defaultImportSettings, workOn } from "../../api/imports/run-imports.ts"
import { createRegistryCache } from "../../api/registry/registry-cache.ts"
import { createLogger } from "../../platform/logger.ts"
import { readImportOf, upload } from "../support/import-fixture.ts"
import { startTestApi, type TestApi } from "../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api?.close())

const ann = "00000000-0000-4000-8000-00000000000a"
const bob = "00000000-0000-4000-8000-00000000000b"

test("who has lost an import records nothing any more, and who has it is alone with it", async () => {
  const { db, writerPool } = api
  const logger = createLogger("imports", "silent")
  const registry = createRegistryCache({ db, logger, maxAgeMs: 1_000 })
  const context = { ...defaultImportSettings, db, writerPool, logger, registry }
  const file = "user_id,token_symbol,amount,reason_type\nann,POINT,+5,reward\nann,POINT,+6,reward"
  const importId = (await upload(api, file)).data?.import_id ?? ""
  const first = await claimImport(db, ann, 60_000, null)
  expect(await claimImport(db, bob, 60_000, null)).toBeUndefined()
  // Its time is over.
  await db
    .updateTable("ledger.imports")
    .set({ lease_expires_at: new Date(0) })
    .execute()
  const second = await claimImport(db, bob, 60_000, null)
  if (first === undefined || second === undefined) throw new Error("the import could not be claimed")
  expect(await claimImport(db, ann, 60_000, null)).toBeUndefined()
  const lost = { owner: ann, epoch: first.lease_epoch }
  expect(await applyImport(context, first, lost, () => false)).toBe(false)
  expect(await db.selectFrom("ledger.operations").select("sequence").execute()).toEqual([])
  expect((await readImportOf(api, importId)).lines.done).toBe(0)
  const held = { owner: bob, epoch: second.lease_epoch }
  expect(await applyImport(context, second, held, () => false)).toBe(true)
  // What is finished has no bytes left, which is no failure of the import.
  await workOn(context, first, lost, () => false)
  expect(await db.selectFrom("registry.alarms").select("kind").execute()).toEqual([])
  expect(await readImportOf(api, importId)).toMatchObject({
    state: "finished",
    lines: { done: 2, applied: 2, replayed: 0 },
  })
  expect((await api.call("GET", "/api/v1/balance/ann")).body.data.balances[0].pending_balance).toBe("11")
})

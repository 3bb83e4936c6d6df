import { afterAll, beforeAll, expect, it } from "vitest"
import { createRegistryCache } from "../../../api/registry/registry-cache.ts"
import { createLogger } from "../../../platform/logger.ts"
import { startTestApi, type TestApi } from "../../support/test-api.ts"

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

it("a process that heard of nothing and was asked for nothing for long decides by the registry as it is now", async () => {
  const cache = createRegistryCache({ db: api.db, logger: createLogger("test", "silent"), maxAgeMs: 10 })
  const isRetired = async () => (await cache.current()).reasons.get("refund")?.isRetired
  expect(await isRetired()).toBe(false)
  await api.db
    .updateTable("registry.reasons")
    .set({ is_retired: true })
    .where("reason_type", "=", "refund")
    .execute()
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(await isRetired()).toBe(true)
})

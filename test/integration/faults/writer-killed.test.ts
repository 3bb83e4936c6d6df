import { expect, inject, test } from "vitest"
import { runWriterKills, summarize } from "../../chaos/run-writer-kills.ts"
import { sampledTimes } from "../../support/sampled.ts"

const kills = sampledTimes(12, 6)

// Complete by `npm run chaos:writer`: 200 kills.
test("the API is killed with -9 in the middle of its commits: nothing acknowledged is lost, nothing is there in halves, nothing twice", async () => {
  const seed = Date.now() % 1_000_000
  const adminUrl = inject("adminDatabaseUrl")
  const result = await runWriterKills({ adminUrl, kills, seed, patienceMs: 40_000 })
  console.log(summarize(result, seed))
  expect(result.faults, `seed ${seed}`).toEqual([])
  // It would prove little if the kills had met an idle process, or never one that had just committed.
  expect(result.killsThatCut).toBeGreaterThanOrEqual(result.kills / 2)
  expect(result.foundRecorded).toBeGreaterThan(0)
  expect(result.recordedLater).toBeGreaterThan(0)
}, 300_000)

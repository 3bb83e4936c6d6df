import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

const rules = { error_rate: { window_ms: 60_000, threshold_percent: 50, failures_min: 4 } }

describe("a lane of which too much fails", () => {
  let fixture: SettlementFixture
  beforeEach(async () => {
    fixture = await createSettlementFixture({
      // No batch reaches its own limit.
      strategy: {
        max_wait_time_ms: 50,
        max_batch_size: 2,
        max_retries: 50,
        retry_interval_ms: 3_600_000,
        ...rules,
      },
    })
  })
  afterEach(() => fixture.close())

  const lane = () => fixture.db.selectFrom("settlement.lanes").selectAll().executeTakeFirstOrThrow()
  const record = (name: string, batches: number) =>
    fixture.adjust(Array.from({ length: batches * 2 }, (_, index) => [`${name}-${index}`, 1n] as const))
  const failed = async () => (await fixture.db.selectFrom("settlement.failures").selectAll().execute()).length
  const untilFailed = (count: number) =>
    waitUntil(async () => (await failed()) >= count, {
      what: `${count} failures`,
      describe: () => fixture.batches(),
    })

  it("is paused with its reason, and judged anew after a resume", async () => {
    fixture.run()
    // Two mined ones and three failures are 60 %, and too few to count.
    await record("good", 2)
    await fixture.batchesIn("mined", 2)
    await fixture.token.callAsAdmin("pause")
    await record("bad", 3)
    await untilFailed(3)
    expect(await lane()).toMatchObject({ paused_at: null })
    await record("worse", 1)
    await waitUntil(async () => (await lane()).paused_at !== null, { what: "the lane is paused" })
    expect(await lane()).toMatchObject({
      paused_by: "errors",
      paused_reason: expect.stringMatching(
        /^4 of 6 attempts failed within 60 s; the limit is 50 %; the last one: .*EnforcedPause/,
      ),
    })
    expect((await fixture.alarms()).map(({ kind }) => kind)).toContain("lane_paused")
    // What failed before is not held against it: three of the four may fail again.
    await fixture.token.callAsAdmin("unpause")
    await fixture.resume()
    await fixture.batchesIn("mined", 6)
    await fixture.token.callAsAdmin("pause")
    await record("again", 3)
    await untilFailed(7)
    expect(await lane()).toMatchObject({ paused_at: null })
  })

  it("goes on where more succeeds", async () => {
    fixture.run()
    await record("good", 6)
    await fixture.batchesIn("mined", 6)
    await fixture.token.callAsAdmin("pause")
    await record("bad", 5)
    await untilFailed(5)
    // Five of eleven are 45 %.
    expect(await lane()).toMatchObject({ paused_at: null })
  })
})

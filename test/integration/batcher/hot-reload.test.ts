import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { runCli } from "../../support/run-cli.ts"
import { createSettlementFixture, type SettlementFixture } from "../../support/settlement-fixture.ts"
import { waitUntil } from "../../support/wait-until.ts"

const users = (count: number) => Array.from({ length: count }, (_, index) => [`user-${index}`, 1n] as const)

describe("a strategy that changes under a running batcher", () => {
  let fixture: SettlementFixture
  let directory: string
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "chainbridge-config-"))
    cpSync(join(import.meta.dirname, "../../../config"), directory, { recursive: true })
    fixture = await createSettlementFixture()
    // Nothing but the announcement of the change brings a look.
    fixture.run({ limits: { fallbackPollMs: 600_000 } })
  })
  afterEach(async () => {
    await fixture.close()
    rmSync(directory, { recursive: true, force: true })
  })

  function edit(from: RegExp, to: string): void {
    const file = join(directory, "batch_strategy.yaml")
    const text = readFileSync(file, "utf8")
    expect(text).toMatch(from)
    writeFileSync(file, text.replace(from, to))
  }

  function apply() {
    return runCli(["config", "apply", "--config-dir", directory, "--overlay", ""], {
      DATABASE_URL: fixture.database.appUrl,
    }).ended
  }

  async function stored(): Promise<unknown> {
    const row = await fixture.db.selectFrom("registry.tokens").select("strategy").executeTakeFirstOrThrow()
    return row.strategy
  }

  async function waitsFor(count: number): Promise<void> {
    await fixture.adjust(users(count))
    await waitUntil(
      async () => {
        const rows = await fixture.db.selectFrom("settlement.batch_items").select("position").execute()
        return rows.length === count
      },
      { what: "the changes wait" },
    )
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await fixture.batches()).toEqual([])
  }

  it("is followed without a restart: a size", async () => {
    await waitsFor(12)
    edit(/low_congestion: 35/, "low_congestion: 12")
    // Also where the chain is not heard in time.
    edit(/medium_congestion: 25/, "medium_congestion: 12")
    expect(await apply()).toMatchObject({ code: 0 })
    expect(await fixture.batchesIn("mined", 1)).toMatchObject([
      { trigger: "size", size_wanted: 12, recipients: 12 },
    ])
  })

  it("is followed without a restart: a shorter wait, for what waits already too", async () => {
    await waitsFor(3)
    edit(/max_wait_time: 15m/, "max_wait_time: 2s")
    expect(await apply()).toMatchObject({ code: 0 })
    expect(await fixture.batchesIn("mined", 1)).toMatchObject([{ trigger: "max_wait_time", recipients: 3 }])
  })

  it("is followed without a restart: another strategy", async () => {
    await waitsFor(12)
    edit(/strategy: adaptive/, "strategy: cost")
    edit(/wanted_size_min: 100/, "wanted_size_min: 11")
    edit(/wanted_size_max: 250/, "wanted_size_max: 12")
    expect(await apply()).toMatchObject({ code: 0 })
    expect(await fixture.batchesIn("mined", 1)).toMatchObject([{ strategy: "cost", recipients: 12 }])
  })

  it("stays what it was when the file is broken, which is said", async () => {
    await waitsFor(12)
    const before = await stored()
    edit(/low_congestion: 35/, "low_congestion: 1200")
    const refused = await apply()
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain(
      "batch_triggers.CPOP.network_adjustments.low_congestion is 1200; allowed: at most 500",
    )
    edit(/low_congestion: 1200/, "low_congestion: [")
    expect((await apply()).stderr).toContain("batch_strategy.yaml is not YAML")
    expect(await stored()).toEqual(before)
    expect(await fixture.batches()).toEqual([])
    expect(await fixture.alarms()).toEqual([])
  })
})

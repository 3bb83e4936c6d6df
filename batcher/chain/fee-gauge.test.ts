import { describe, expect, it } from "vitest"
import { createLogger } from "../../platform/logger.ts"
import type { FeeReading } from "../domain/congestion.ts"
import { createFeeGauge } from "./fee-gauge.ts"

const reading: FeeReading = { baseFees: [1n, 1n], gasUsedRatios: [0], blockGasLimit: 30_000_000n }

function gaugeOf(measure: () => Promise<FeeReading>) {
  const state = { asked: 0, nowMs: 0 }
  const gauge = createFeeGauge({
    measure: () => {
      state.asked += 1
      return measure()
    },
    logger: createLogger("test", "silent"),
    nowMs: () => state.nowMs,
  })
  return { state, gauge }
}

describe("createFeeGauge", () => {
  it("asks the chain once for all who ask at the same time, and again when a block has passed", async () => {
    const { state, gauge } = gaugeOf(() => Promise.resolve(reading))
    expect(await Promise.all([gauge.read(5_000), gauge.read(5_000)])).toContain(reading)
    expect(await gauge.read(5_000)).toBe(reading)
    expect(state.asked).toBe(1)
    state.nowMs = 5_000
    await gauge.read(5_000)
    expect(state.asked).toBe(2)
  })

  it("asks no fast chain for every block", async () => {
    const { state, gauge } = gaugeOf(() => Promise.resolve(reading))
    for (; state.nowMs < 4_000; state.nowMs += 250) await gauge.read(250)
    expect(state.asked).toBe(2)
  })

  it("knows nothing of a chain that fails, and asks it no more often for that", async () => {
    const { state, gauge } = gaugeOf(() => Promise.reject(new Error("down")))
    expect(await gauge.read(2_000)).toBeNull()
    expect(await gauge.read(2_000)).toBeNull()
    expect(state.asked).toBe(1)
  })

  it("waits a moment for a chain that does not answer, not for its answer", async () => {
    const { gauge } = gaugeOf(() => new Promise<FeeReading>(() => undefined))
    const began = performance.now()
    expect(await gauge.read(2_000)).toBeNull()
    expect(performance.now() - began).toBeLessThan(1_500)
  })

  it("keeps what it knew for a few blocks, and then knows nothing", async () => {
    let isDown = false
    const { state, gauge } = gaugeOf(() =>
      isDown ? Promise.reject(new Error("down")) : Promise.resolve(reading),
    )
    await gauge.read(2_000)
    isDown = true
    state.nowMs = 6_000
    expect(await gauge.read(2_000)).toBe(reading)
    state.nowMs = 6_001
    expect(await gauge.read(2_000)).toBeNull()
  })
})

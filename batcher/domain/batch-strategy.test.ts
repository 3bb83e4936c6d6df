import { join } from "node:path"
import { expect, it } from "vitest"
import { loadConfiguration } from "../../platform/config/load-configuration.ts"
import { resolveTokenStrategy } from "../../platform/config/token-strategy.ts"
import { parseBatchStrategy } from "./batch-strategy.ts"

const stored = {
  strategy: "adaptive",
  optimal_batch_size: 25,
  max_batch_size: 40,
  min_batch_size: 10,
  max_wait_time_ms: 900_000,
  value_threshold: "10000",
  network_adjustments: { low_congestion: 35, medium_congestion: 25, high_congestion: 15 },
  priority_reasons: ["refund"],
  max_retries: 5,
  retry_interval_ms: 60_000,
  fee_buffer_percent: 15,
  pending_alarm_ms: 600_000,
  efficiency_target: { mint: 77, burn: 75, transfer: 78 },
}

it("reads what the configuration writes, amounts in base units", () => {
  expect(parseBatchStrategy(stored, 18)).toMatchObject({
    strategy: {
      sizeMax: 40,
      valueThresholdBaseUnits: 10n ** 22n,
      networkSizes: { low: 35, medium: 25, high: 15 },
    },
  })
})

it.each([
  [{}, /strategy/],
  [{ ...stored, min_batch_size: 41 }, /min_batch_size is above/],
  [{ ...stored, value_threshold: "1.5" }, /value_threshold/],
  [{ ...stored, max_batch_size: 501 }, /max_batch_size/],
  [null, /.+/],
])("says what is wrong with %j", (strategy, message) => {
  expect(parseBatchStrategy(strategy, 0)).toMatchObject({
    refused: "STRATEGY_INVALID",
    message: expect.stringMatching(message),
  })
})

it("needs nothing that an older version did not store", () => {
  const parsed = parseBatchStrategy(stored, 18)
  expect(parsed).toMatchObject({
    strategy: { gasPriceFloorWei: null, congestion: { windowBlocks: 20 }, cost: { wantedMax: 250 } },
  })
})

it("reads what the configuration file resolves to, for both strategies", () => {
  const { batchStrategy } = loadConfiguration({ directory: join(import.meta.dirname, "../../config") })
  for (const strategy of ["adaptive", "cost"] as const) {
    const file = { ...batchStrategy, defaults: { ...batchStrategy.defaults, strategy } }
    const parsed = parseBatchStrategy(resolveTokenStrategy(file, 1, "USDT"), 6)
    expect(parsed).toMatchObject({ strategy: { name: strategy, networkSizes: null, maxWaitMs: 600_000 } })
  }
})

import { expect, it } from "vitest"
import { batchSizeFor } from "./batch-size.ts"
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

it("takes the size for the congestion, never above the largest batch", () => {
  const parsed = parseBatchStrategy({ ...stored, max_batch_size: 30 }, 18)
  if ("refused" in parsed) throw new Error(parsed.message)
  expect(
    ["low", "medium", "high"].map((congestion) => batchSizeFor(parsed.strategy, congestion as "low")),
  ).toEqual([30, 25, 15])
})

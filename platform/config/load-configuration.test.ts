import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { ChainBridgeError } from "../errors.ts"
import { loadConfiguration } from "./load-configuration.ts"
import { resolveTokenStrategy } from "./token-strategy.ts"

const shipped = join(import.meta.dirname, "..", "..", "config")
let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-config-"))
  cpSync(shipped, directory, { recursive: true })
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function overlay(name: string, text: string): void {
  mkdirSync(join(directory, "mine"), { recursive: true })
  writeFileSync(join(directory, "mine", name), text)
}

function faultsOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(ChainBridgeError)
    return (error as ChainBridgeError).message
  }
  throw new Error("nothing was refused")
}

test("the shipped files hold the documented defaults, and development settles within seconds", () => {
  const production = loadConfiguration({ directory })
  expect(resolveTokenStrategy(production.batchStrategy, 31_337, "CPOP")).toEqual({
    strategy: "adaptive",
    optimal_batch_size: 25,
    max_batch_size: 40,
    min_batch_size: 10,
    max_wait_time_ms: 900_000,
    value_threshold: "10000",
    network_adjustments: { low_congestion: 35, medium_congestion: 25, high_congestion: 15 },
    gas_price_floor_wei: null,
    congestion: {
      window_blocks: 20,
      newest_blocks: 3,
      high_base_fee_percent: 120,
      high_gas_used_percent: 90,
      low_base_fee_percent: 100,
      low_gas_used_percent: 40,
    },
    cost: { wanted_size_min: 100, wanted_size_max: 250, worthwhile_saving_percent: 1 },
    dust: null,
    priority_reasons: ["gas_fee", "refund", "urgent_transfer"],
    max_retries: 5,
    retry_interval_ms: 60_000,
    fee_buffer_percent: 15,
    pending_alarm_ms: 600_000,
    error_rate: { window_ms: 600_000, threshold_percent: 50, failures_min: 5 },
    efficiency_target: { mint: 77, burn: 75, transfer: 78 },
  })
  const development = loadConfiguration({ directory, overlay: "development" })
  const strategy = resolveTokenStrategy(development.batchStrategy, 31_337, "CPOP")
  expect(strategy).toMatchObject({ max_wait_time_ms: 5_000, optimal_batch_size: 25 })
  expect(Object.keys(production.reasons)).toHaveLength(13)
})

test("a token without its own table has none; a chain may set the optimal size", () => {
  const { batchStrategy } = loadConfiguration({ directory })
  expect(resolveTokenStrategy(batchStrategy, 31_337, "USDT")).toMatchObject({
    optimal_batch_size: 20,
    network_adjustments: null,
  })
  expect(resolveTokenStrategy(batchStrategy, 137, "CPOP").optimal_batch_size).toBe(30)
})

test("the error rate at which a lane stops may differ by chain", () => {
  overlay("batch_strategy.yaml", "chain_error_rates:\n  137:\n    window: 1h\n    failures_min: 20\n")
  const { batchStrategy } = loadConfiguration({ directory, overlay: "mine" })
  expect(resolveTokenStrategy(batchStrategy, 137, "CPOP").error_rate).toEqual({
    window_ms: 3_600_000,
    threshold_percent: 50,
    failures_min: 20,
  })
  expect(resolveTokenStrategy(batchStrategy, 1, "CPOP").error_rate).toMatchObject({ failures_min: 5 })
})

test("the strategy cost is chosen for all tokens or for one, with sizes of its own", () => {
  overlay("batch_strategy.yaml", "batch_triggers:\n  USDT:\n    strategy: cost\n")
  const { batchStrategy } = loadConfiguration({ directory, overlay: "mine" })
  expect(resolveTokenStrategy(batchStrategy, 1, "CPOP").strategy).toBe("adaptive")
  expect(resolveTokenStrategy(batchStrategy, 1, "USDT")).toMatchObject({
    strategy: "cost",
    optimal_batch_size: 100,
    max_batch_size: 500,
    min_batch_size: 5,
  })
  overlay(
    "batch_strategy.yaml",
    'batch_triggers:\n  CPOP:\n    dust: { threshold: "0.5", max_wait_time: 1d }\n',
  )
  expect(
    resolveTokenStrategy(loadConfiguration({ directory, overlay: "mine" }).batchStrategy, 1, "CPOP").dust,
  ).toEqual({ threshold: "0.5", max_wait_ms: 86_400_000 })
  overlay("batch_strategy.yaml", "defaults:\n  strategy: cost\ncost:\n  max_batch_size: 300\n")
  const all = loadConfiguration({ directory, overlay: "mine" }).batchStrategy
  expect(resolveTokenStrategy(all, 1, "CPOP")).toMatchObject({ strategy: "cost", max_batch_size: 300 })
  overlay("batch_strategy.yaml", "cost:\n  max_batch_size: 501\n  wanted_size_min: 251\n")
  const message = faultsOf(() => loadConfiguration({ directory, overlay: "mine" }))
  expect(message).toContain("cost.max_batch_size is 501; allowed: at most 500")
  overlay("batch_strategy.yaml", "cost:\n  wanted_size_min: 251\n")
  expect(faultsOf(() => loadConfiguration({ directory, overlay: "mine" }))).toContain(
    "cost.wanted_size_min is 251; allowed: at most wanted_size_max",
  )
})

test("a chain has its own rules of congestion, key by key, and its own gas price to wait for", () => {
  overlay(
    "batch_strategy.yaml",
    'chain_congestion:\n  137: { high_base_fee_percent: 150 }\nchain_gas_price_floors:\n  1: "4.25"\n  56: "3"\n',
  )
  const { batchStrategy } = loadConfiguration({ directory, overlay: "mine" })
  const strategyOn = (chainId: number) => resolveTokenStrategy(batchStrategy, chainId, "CPOP")
  expect(strategyOn(137).congestion).toMatchObject({ high_base_fee_percent: 150, window_blocks: 20 })
  expect(strategyOn(1).congestion).toMatchObject({ high_base_fee_percent: 120 })
  expect([1, 56, 137].map((id) => strategyOn(id).gas_price_floor_wei)).toEqual([
    "4250000000",
    "3000000000",
    null,
  ])
  overlay(
    "batch_strategy.yaml",
    "chain_congestion:\n  137: { low_base_fee_percent: 120, newest_blocks: 21 }\n",
  )
  const message = faultsOf(() => loadConfiguration({ directory, overlay: "mine" }))
  expect(message).toContain(
    "chain_congestion.137.low_base_fee_percent is 120; allowed: below high_base_fee_percent",
  )
  expect(message).toContain("chain_congestion.137.newest_blocks is 21; allowed: at most window_blocks")
})

test("a wrong value is named with file, path, value and what is allowed", () => {
  overlay("batch_strategy.yaml", "batch_triggers:\n  CPOP:\n    max_wait_time: 15 minutes\n")
  const message = faultsOf(() => loadConfiguration({ directory, overlay: "mine" }))
  expect(message).toContain(join(directory, "mine", "batch_strategy.yaml"))
  expect(message).toContain('batch_triggers.CPOP.max_wait_time is "15 minutes"')
  expect(message).toContain('allowed: a duration such as "500ms"')
})

test("every fault of every file is named at once", () => {
  overlay("chains.yaml", "chains:\n  local:\n    finality: deep\n    confirmation_blocks: -1\n    depth: 3\n")
  overlay("reason_registry.yaml", "reason_types:\n  reward:\n    priority: soon\n")
  const message = faultsOf(() => loadConfiguration({ directory, overlay: "mine" }))
  expect(message).toContain('chains.local.finality is "deep"; allowed: "depth", "safe"')
  expect(message).toContain("chains.local.confirmation_blocks is -1; allowed: at least 0")
  expect(message).toContain("chains.local has unknown keys: depth")
  expect(message).toContain(
    'reason_types.reward.priority is "soon"; allowed: "low", "normal", "high", "urgent"',
  )
})

test("a fee is a decimal text of gwei, and may be left out", () => {
  const { chains } = loadConfiguration({ directory })
  expect(chains["local"]).toMatchObject({
    transaction_type: "auto",
    max_fee: null,
    replace_after: 60_000,
    replace_after_max: 600_000,
    private_relay_alone: null,
  })
  for (const value of ['"0"', '"0.0"', '"1.0000000001"', '"-1"', "150", '"1e3"', '"1,5"']) {
    overlay("chains.yaml", `chains:\n  local:\n    max_fee: ${value}\n`)
    expect(
      faultsOf(() => loadConfiguration({ directory, overlay: "mine" })),
      value,
    ).toContain("chains.local.max_fee is")
  }
  overlay("chains.yaml", 'chains:\n  local:\n    max_fee: "150.5"\n')
  expect(loadConfiguration({ directory, overlay: "mine" }).chains["local"]).toMatchObject({
    max_fee: "150.5",
  })
})

test("files that contradict each other are refused", () => {
  overlay("batch_strategy.yaml", "batch_triggers:\n  CPOP:\n    priority_reasons: [whim]\n")
  overlay("tokens.yaml", "tokens:\n  local:\n    chain_id: 5\n")
  overlay("sync_config.yaml", "audit:\n  anchor_chain_id: 6\n")
  const message = faultsOf(() => loadConfiguration({ directory, overlay: "mine" }))
  expect(message).toContain('priority_reasons has "whim"')
  expect(message).toContain("tokens.local.chain_id is 5; allowed: a chain of chains.yaml")
  expect(message).toContain("audit.anchor_chain_id is 6; allowed: a chain of chains.yaml")
})

test("an overlay that is not there is refused with the names of those that are", () => {
  expect(faultsOf(() => loadConfiguration({ directory, overlay: "developement" }))).toBe(
    `${directory} has no overlay "developement"; allowed: development, or '' for none`,
  )
})

test("an empty file is called empty, and an empty overlay changes nothing", () => {
  overlay("chains.yaml", "# nothing yet\n")
  expect(loadConfiguration({ directory, overlay: "mine" })).toEqual(loadConfiguration({ directory }))
  writeFileSync(join(directory, "chains.yaml"), "# nothing yet\n")
  expect(faultsOf(() => loadConfiguration({ directory }))).toBe(
    `${join(directory, "chains.yaml")}: the file is empty`,
  )
})

test("a file that is not there or not YAML is named", () => {
  rmSync(join(directory, "chains.yaml"))
  writeFileSync(join(directory, "tokens.yaml"), "tokens: [")
  const message = faultsOf(() => loadConfiguration({ directory }))
  expect(message).toContain(`${join(directory, "chains.yaml")} cannot be read`)
  expect(message).toContain(`${join(directory, "tokens.yaml")} is not YAML`)
})

test("keys that others have in these files are understood, and whoever sets one is told that nothing reads it", () => {
  expect(loadConfiguration({ directory }).unread).toEqual([])
  overlay(
    "sync_config.yaml",
    `transaction_sync: { pending_check_interval: 30s, max_pending_time: 10m, retry_interval: 1m, max_retries: 5 }
reconciliation: { nft_check_interval: 12h }
monitoring: { sync_lag_alert_threshold: 2m, mismatch_alert_threshold: "10000000", failure_rate_threshold: 0.05 }`,
  )
  overlay("batch_strategy.yaml", "batch_triggers: { USDT: { efficiency_threshold: 65 } }")
  expect(loadConfiguration({ directory, overlay: "mine" }).unread).toEqual([
    "sync_config.yaml: transaction_sync",
    "sync_config.yaml: monitoring",
    "sync_config.yaml: reconciliation.nft_check_interval",
    "batch_strategy.yaml: batch_triggers.USDT.efficiency_threshold",
  ])
})

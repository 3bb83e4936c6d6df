import type { ChainCongestion } from "../../ledger/store/database.ts"

/** What a chain said of its newest blocks, oldest first. Base fees in wei per gas. */
export type FeeReading = {
  /** One more than the blocks: the last is that of the next block. */
  readonly baseFees: readonly bigint[]
  /** For each block the part of its gas limit that was used, 0 to 1. */
  readonly gasUsedRatios: readonly number[]
  /** Of the newest block. */
  readonly blockGasLimit: bigint
}

/** When a chain counts as busy or quiet. Percents of the base fee are of its moving average over the window, percents of gas of the blocks' limits. */
export type CongestionRules = {
  readonly windowBlocks: number
  /** Blocks at the end of the window that stand for now: one full block by chance is no congestion. */
  readonly newestBlocks: number
  /** Busy from either of these on. */
  readonly highBaseFeePercent: number
  readonly highGasUsedPercent: number
  /** Quiet up to both of these. */
  readonly lowBaseFeePercent: number
  readonly lowGasUsedPercent: number
}

export type FeeMarket = {
  readonly congestion: ChainCongestion
  /** Of the next block; 0 on a chain that has none. */
  readonly baseFee: bigint
  /** The newest base fees in percent of the window's average; 100 on a chain without any. */
  readonly baseFeePercent: number
  readonly blockGasLimit: bigint
}

/** @returns null when the chain told of no block: then nothing is known, and nothing is made up */
export function judgeMarket(reading: FeeReading, rules: CongestionRules): FeeMarket | null {
  const baseFees = reading.baseFees.slice(-(rules.windowBlocks + 1))
  const ratios = reading.gasUsedRatios.slice(-rules.newestBlocks)
  const baseFee = baseFees.at(-1)
  if (baseFee === undefined || ratios.length === 0) return null
  const newest = baseFees.slice(-rules.newestBlocks)
  const windowTotal = sum(baseFees) * BigInt(newest.length)
  const baseFeePercent =
    windowTotal === 0n ? 100 : Number((sum(newest) * BigInt(baseFees.length) * 100n) / windowTotal)
  const gasUsedPercent = (ratios.reduce((total, ratio) => total + ratio, 0) / ratios.length) * 100
  return {
    congestion: congestionOf(baseFeePercent, gasUsedPercent, rules),
    baseFee,
    baseFeePercent,
    blockGasLimit: reading.blockGasLimit,
  }
}

function congestionOf(
  baseFeePercent: number,
  gasUsedPercent: number,
  rules: CongestionRules,
): ChainCongestion {
  if (baseFeePercent >= rules.highBaseFeePercent || gasUsedPercent >= rules.highGasUsedPercent) return "high"
  if (baseFeePercent <= rules.lowBaseFeePercent && gasUsedPercent <= rules.lowGasUsedPercent) return "low"
  return "medium"
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n)
}

/** What eth_feeHistory tells. Wei per gas. */
export type FeeHistory = {
  /** One more than the blocks asked for: the last one is that of the next block. */
  readonly baseFeePerGas: readonly bigint[]
  /** For each block the tip at the asked percentile. */
  readonly tips: readonly bigint[]
}

export type Fees = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint }

const tipMin = 1_000_000n

/**
 * What to offer for the next blocks: the median tip of the recent ones, and room for the base fee to double. Both with the strategy's buffer on top.
 * Only the base fee and the tip are paid, so room costs nothing.
 */
export function feesFrom(history: FeeHistory, bufferPercent: number): Fees {
  const baseFee = history.baseFeePerGas.at(-1) ?? 0n
  const tips = history.tips.filter((tip) => tip > 0n).sort((a, b) => (a < b ? -1 : 1))
  const median = tips[Math.floor(tips.length / 2)] ?? tipMin
  const buffered = (amount: bigint) => (amount * BigInt(100 + bufferPercent)) / 100n
  const maxPriorityFeePerGas = buffered(median > tipMin ? median : tipMin)
  return { maxFeePerGas: buffered(baseFee * 2n) + maxPriorityFeePerGas, maxPriorityFeePerGas }
}

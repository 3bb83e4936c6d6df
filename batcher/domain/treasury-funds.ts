/** How the tokens of a treasury stand against what it pays, in base units. */
export type TreasuryFunds = {
  /** What it holds, without what is signed and not mined. */
  readonly available: bigint
  /** What waits to be paid out of it. */
  readonly owed: bigint
  /** What a batch paid, as far as any was mined. */
  readonly paidPerBatch: bigint | null
}

/** `enough` is some way above `low`, so that an alarm does not come and go with every batch. */
export function judgeTreasury(
  { available, owed, paidPerBatch }: TreasuryFunds,
  batchesMin: number,
): "low" | "between" | "enough" {
  const reserve = (paidPerBatch ?? 0n) * BigInt(batchesMin)
  const least = owed > reserve ? owed : reserve
  if (available < least) return "low"
  return available * 5n < least * 6n ? "between" : "enough"
}

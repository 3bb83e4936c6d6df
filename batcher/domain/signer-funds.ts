/** How a signer's coins stand against what it spends. Wei. */
export type SignerFunds = {
  readonly balance: bigint
  /** What a batch costs, as far as any was mined. */
  readonly feePerBatch: bigint | null
  /** What a node may ask for before it takes all that waits for a block, and the next batch on top of it. */
  readonly needed: bigint
}

/** `enough` is some way above `low`, so that an alarm does not come and go with every batch. */
export function judgeFunds(funds: SignerFunds, batchesMin: number): "low" | "between" | "enough" {
  const { balance, feePerBatch } = funds
  if (feePerBatch === null) return "enough"
  const least = feePerBatch * BigInt(batchesMin)
  if (balance < least) return "low"
  return balance * 5n < least * 6n ? "between" : "enough"
}

/** Whether what stopped for want of coins can go on. */
export function canPayAgain({ balance, needed }: SignerFunds): boolean {
  return balance > 0n && balance >= needed
}

/** A run that somebody asked for and that has no result yet. */
export type ReconciliationRun = {
  readonly ledgerId: string
  readonly runId: string
  readonly chainId: number
  readonly tokenId: number
  readonly tokenAddress: string
  readonly symbol: string
  /** Whether its supply is what is settled here: only then is that compared. */
  readonly hasOwnSupply: boolean
  /** null: every account of the token, and its supply. */
  readonly userId: string | null
  /** Differences above it raise an alarm; base units. */
  readonly driftThreshold: bigint
}

/** The comparison would not be true at this moment; the sentence says why, and the same run is tried again. */
export type NotNow = { readonly notNow: string }

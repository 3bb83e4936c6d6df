/** How a token is settled: see docs/decisions/settlement-modes.md. */
export type SettlementMode = "settle" | "batch-mint-burn" | "treasury"

/** The call that one batch makes. */
export type BatchCall = "settle" | "batch_mint" | "batch_burn" | "treasury_settle"

export type BatchCallTraits = {
  /**
   * Whether the contract that is called refuses a batch that it has seen, and names the batch in its logs. Where it does not, a batch is settled by whichever of its own transactions was mined, and
   * nothing but the nonce keeps it from being settled twice.
   */
  readonly isGuarded: boolean
}

export const batchCalls: Readonly<Record<BatchCall, BatchCallTraits>> = {
  settle: { isGuarded: true },
  batch_mint: { isGuarded: false },
  batch_burn: { isGuarded: false },
  treasury_settle: { isGuarded: true },
}

/** Where mints come from and burns go to. */
export const zeroAddress = `0x${"0".repeat(40)}`

/** For SQL: the calls whose tokens do not know batches. */
export const unguardedCalls = (Object.keys(batchCalls) as BatchCall[]).filter(
  (call) => !batchCalls[call].isGuarded,
)

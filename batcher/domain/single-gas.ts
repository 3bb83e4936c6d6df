/** Gas of one mint or burn in a transaction of its own, by what the account holds before and after it. */
export type SingleCosts = {
  /** To an account that holds nothing. */
  readonly mintNew: bigint
  readonly mintExisting: bigint
  /** Leaves something. */
  readonly burnPart: bigint
  /** Takes all there is. */
  readonly burnAll: bigint
}

/** An account whose changes were settled together. Base units. */
export type SettledAccount = {
  /** What the chain held for it before. */
  readonly heldBefore: bigint
  /** Its changes, in the order in which they were recorded. */
  readonly amounts: readonly bigint[]
}

export type SingleGas = {
  /** One call for the sum of each account: like for like. An account whose changes cancel out needs none. */
  readonly perRecipient: bigint
  /** One call for every change, in its order. */
  readonly perChange: bigint
}

/** The call that a change alone would have been. One that would take more than there is counts as taking all: no call is cheaper. */
export function singleCallOf(heldBefore: bigint, amount: bigint): keyof SingleCosts {
  if (amount > 0n) return heldBefore <= 0n ? "mintNew" : "mintExisting"
  return heldBefore + amount > 0n ? "burnPart" : "burnAll"
}

/** What the same changes would have cost as single calls of the token. */
export function singleGasOf(accounts: readonly SettledAccount[], costs: SingleCosts): SingleGas {
  let perRecipient = 0n
  let perChange = 0n
  for (const { heldBefore, amounts } of accounts) {
    let held = heldBefore
    for (const amount of amounts) {
      perChange += costs[singleCallOf(held, amount)]
      held += amount
    }
    const net = held - heldBefore
    if (net !== 0n) perRecipient += costs[singleCallOf(heldBefore, net)]
  }
  return { perRecipient, perChange }
}

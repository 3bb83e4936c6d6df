/** What three independent witnesses say of one figure at one block, in base units. */
export type Figures = {
  /** The sum of what the ledger took as confirmed. */
  readonly ledger: bigint
  /** What the indexed transfers add up to. */
  readonly indexer: bigint
  /** What the token contract says. */
  readonly chain: bigint
}

/**
 * Why figures differ. `indexer_gap`: ledger and contract say the same, so transfers are missing from the indexer's tables.
 * `unknown`: these figures alone do not tell. A cause that needs more evidence than the figures gets its name together with that evidence.
 */
export type DriftCause = "indexer_gap" | "unknown"

/** @returns null where all three agree */
export function decideDrift({ ledger, indexer, chain }: Figures): DriftCause | null {
  if (ledger === chain && indexer === chain) return null
  return ledger === chain ? "indexer_gap" : "unknown"
}

/** The total supply, and what the accounts of the ledger in question have of it. */
export type SupplyFigures = {
  /** Sums over the accounts. */
  readonly accounts: Figures
  /** What was ever minted without what was burned. */
  readonly indexerSupply: bigint
  /** `totalSupply` of the contract. */
  readonly chainSupply: bigint
}

/**
 * A ledger knows only its own accounts, and anybody may hold the token. So its side of the supply is what it has confirmed, plus what the indexed transfers left with everybody
 * else. Then the three figures are of the same thing: they are equal however much strangers hold, and differ when the accounts' sum is off or a mint or burn was missed.
 */
export function supplySides({ accounts, indexerSupply, chainSupply }: SupplyFigures): Figures & {
  /** Of other ledgers, of strangers, of contracts. */
  readonly heldElsewhere: bigint
} {
  const heldElsewhere = indexerSupply - accounts.indexer
  return {
    ledger: accounts.ledger + heldElsewhere,
    indexer: indexerSupply,
    chain: chainSupply,
    heldElsewhere,
  }
}

/** The ledger's side leans on the indexer, so what tells of the supply is whether the ledger's own part agrees with the chain. @returns null where all three agree */
export function decideSupplyDrift(figures: SupplyFigures): DriftCause | null {
  const { ledger, indexer, chain } = supplySides(figures)
  if (ledger === chain && indexer === chain) return null
  return figures.accounts.ledger === figures.accounts.chain ? "indexer_gap" : "unknown"
}

/** How far the figures are apart, in base units: what is held against a token's threshold. */
export function driftSize({ ledger, indexer, chain }: Figures): bigint {
  const ordered = [ledger, indexer, chain].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const [least = 0n, , most = 0n] = ordered
  return most - least
}

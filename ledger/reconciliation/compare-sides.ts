import { invariant } from "../../platform/errors.ts"
import {
  type DriftCause,
  decideDrift,
  decideSupplyDrift,
  type Figures,
  supplySides,
} from "../domain/decide-drift.ts"
import type { ChainFigures } from "./read-chain-figures.ts"
import type { Snapshot } from "./take-snapshot.ts"

export type Drift = Figures & {
  /** null: the total supply. */
  readonly accountId: bigint | null
  readonly cause: DriftCause
}

export type Comparison = {
  readonly accountsCompared: number
  /** null where the snapshot has none. */
  readonly supply: (Figures & { readonly heldElsewhere: bigint }) | null
  readonly drifts: readonly Drift[]
}

/** Holds the three sides against each other, account by account and in sum. */
export function compareSides(snapshot: Snapshot, chain: ChainFigures): Comparison {
  const drifts: Drift[] = []
  const sum = { ledger: 0n, indexer: 0n, chain: 0n }
  for (const [index, account] of snapshot.accounts.entries()) {
    const balance = chain.balances[index]
    invariant(balance !== undefined, `account ${account.accountId} has no balance on the chain`)
    const figures = { ledger: account.ledger, indexer: account.indexer, chain: balance }
    sum.ledger += figures.ledger
    sum.indexer += figures.indexer
    sum.chain += figures.chain
    const cause = decideDrift(figures)
    if (cause !== null) drifts.push({ accountId: account.accountId, ...figures, cause })
  }
  const accountsCompared = snapshot.accounts.length
  if (snapshot.indexerSupply === null || chain.supply === null)
    return { accountsCompared, supply: null, drifts }
  const figures = { accounts: sum, indexerSupply: snapshot.indexerSupply, chainSupply: chain.supply }
  const supply = supplySides(figures)
  const cause = decideSupplyDrift(figures)
  if (cause !== null)
    drifts.unshift({
      accountId: null,
      ledger: supply.ledger,
      indexer: supply.indexer,
      chain: supply.chain,
      cause,
    })
  return { accountsCompared, supply, drifts }
}

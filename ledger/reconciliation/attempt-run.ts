import type { Kysely } from "kysely"
import type { ChainView } from "../confirmations/chain-view.ts"
import type { Database } from "../store/database.ts"
import { compareSides } from "./compare-sides.ts"
import { finishRun } from "./finish-run.ts"
import { readChainFigures } from "./read-chain-figures.ts"
import type { NotNow, ReconciliationRun } from "./reconciliation-run.ts"
import { takeSnapshot } from "./take-snapshot.ts"

export type AttemptResult =
  | {
      readonly outcome: "finished"
      readonly blockNumber: bigint
      readonly accountsCompared: number
      readonly drifts: number
    }
  /** It has a result already: another worker was faster. */
  | { readonly outcome: "gone" }
  /** `position`: accounts opened up to here belong into the run; for the next attempt. */
  | (NotNow & { readonly outcome: "not_now"; readonly position?: bigint })

/**
 * Tries to make one run: ledger and indexer in one snapshot, then the chain at that snapshot's block, then the result. Nothing is written before the result, so dying at any
 * line leaves the run as it was asked for.
 */
export async function attemptRun(
  db: Kysely<Database>,
  view: ChainView,
  run: ReconciliationRun,
  options: {
    /** Of an earlier attempt. */
    readonly position?: bigint | undefined
    readonly onTrouble: (reason: string) => void
  },
): Promise<AttemptResult> {
  const snapshot = await takeSnapshot(db, run, options.position)
  if ("notNow" in snapshot) return { outcome: "not_now", ...snapshot }
  const chain = await readChainFigures(view, run.tokenAddress, snapshot, options.onTrouble)
  if ("notNow" in chain)
    return { outcome: "not_now", ...chain, position: options.position ?? snapshot.position }
  const comparison = compareSides(snapshot, chain)
  if (!(await finishRun(db, run, snapshot, comparison))) return { outcome: "gone" }
  return {
    outcome: "finished",
    blockNumber: snapshot.watermark.blockNumber,
    accountsCompared: comparison.accountsCompared,
    drifts: comparison.drifts.length,
  }
}

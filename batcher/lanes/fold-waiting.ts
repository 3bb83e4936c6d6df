import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { BatchStrategy } from "../domain/batch-strategy.ts"
import { type Fold, foldChanges } from "../domain/fold.ts"
import { type HeldDust, holdDust } from "../domain/hold-dust.ts"
import type { LaneKey } from "../store/leases.ts"
import { loadWaiting, type WaitingPage } from "../store/waiting-changes.ts"

// A bound on the work of one look: so many pages of changes that cannot be paid would be the ledger's smaller problem.
const pagesMax = 50

export type FoldedLane = {
  readonly page: WaitingPage
  readonly fold: Fold
  /** Accounts that are left out of the fold, and since when they are not any more. */
  readonly dust: readonly HeldDust[]
}

/**
 * Folds what waits on a lane, oldest first. Changes of accounts that have to wait, which may be very old and very many, do not keep the others out: while they fill more than half of a page, the
 * next one is read without those accounts.
 */
export async function foldWaiting(
  db: Kysely<Database>,
  lane: LaneKey,
  options: {
    readonly pageChanges: number
    readonly strategy: Pick<BatchStrategy, "maxWaitMs" | "dust">
    readonly flushRequestedAtMs: number | null
    readonly nowMs: number
  },
): Promise<FoldedLane> {
  const { pageChanges } = options
  const heldIds: bigint[] = []
  const dust: HeldDust[] = []
  for (let pages = 1; ; pages += 1) {
    const page = await loadWaiting(db, lane, pageChanges, heldIds)
    const { fold, held } = foldPage(page, options)
    dust.push(...held)
    const usable = [...fold.nets, ...fold.zeros].reduce((sum, { positions }) => sum + positions.length, 0)
    if (page.changes.length < pageChanges || usable * 2 >= pageChanges || pages === pagesMax)
      return { page, fold, dust }
    heldIds.push(...fold.heldAccountIds, ...held.map(({ accountId }) => accountId))
  }
}

function foldPage(
  page: WaitingPage,
  { strategy, flushRequestedAtMs, nowMs }: Parameters<typeof foldWaiting>[2],
): { readonly fold: Fold; readonly held: readonly HeldDust[] } {
  const { changes, accounts } = page
  const { maxWaitMs, dust: rule } = strategy
  const fold = foldChanges(
    changes,
    // The page leaves busy accounts out, and the seal looks again under the lock.
    () => false,
    (accountId) => accounts.get(accountId)?.confirmed ?? 0n,
    maxWaitMs,
  )
  if (rule === null) return { fold, held: [] }
  const { nets, held } = holdDust({
    rule,
    changes,
    nets: fold.nets,
    isUnknownToChain: (accountId) => accounts.get(accountId)?.wasConfirmed === false,
    maxWaitMs,
    flushRequestedAtMs,
    nowMs,
  })
  return { fold: { ...fold, nets }, held }
}

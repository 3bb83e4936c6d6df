import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { type Fold, foldChanges } from "../domain/fold.ts"
import type { LaneKey } from "../store/leases.ts"
import { loadWaiting, type WaitingPage } from "../store/waiting-changes.ts"

// A bound on the work of one look: so many pages of changes that cannot be paid would be the ledger's smaller problem.
const pagesMax = 50

/**
 * Folds what waits on a lane, oldest first. Changes of accounts that have to wait, which may be very old and very many, do not keep the others out: while they fill more than half of a page, the
 * next one is read without those accounts.
 */
export async function foldWaiting(
  db: Kysely<Database>,
  lane: LaneKey,
  pageChanges: number,
  maxWaitMs: number,
): Promise<{ readonly page: WaitingPage; readonly fold: Fold }> {
  const held: bigint[] = []
  for (let pages = 1; ; pages += 1) {
    const page = await loadWaiting(db, lane, pageChanges, held)
    const fold = foldChanges(
      page.changes,
      // The page leaves busy accounts out, and the seal looks again under the lock.
      () => false,
      (accountId) => page.accounts.get(accountId)?.confirmed ?? 0n,
      maxWaitMs,
    )
    const usable = [...fold.nets, ...fold.zeros].reduce((sum, { positions }) => sum + positions.length, 0)
    if (page.changes.length < pageChanges || usable * 2 >= pageChanges || pages === pagesMax)
      return { page, fold }
    held.push(...fold.heldAccountIds)
  }
}

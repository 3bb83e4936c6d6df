import type { Transaction } from "kysely"
import type { BuildRow } from "../projections/async/build.ts"
import type { Database } from "../store/database.ts"
import type { Problem } from "./find-difference.ts"
import type { FoldedLog } from "./fold-log.ts"
import type { ScanPool } from "./scan/scan-pool.ts"
import { verifyAccounts } from "./verify-accounts.ts"
import { verifyAnchors } from "./verify-anchors.ts"
import { verifyBalanceHistory } from "./verify-balance-history.ts"
import { verifyBalances } from "./verify-balances.ts"
import { verifyBatches } from "./verify-batches.ts"
import { verifyCheckpoints } from "./verify-checkpoints.ts"
import { verifyConfirmations } from "./verify-confirmations.ts"
import { verifyHolds } from "./verify-holds.ts"
import { verifyItems } from "./verify-items.ts"
import { verifyOperations } from "./verify-operations.ts"
import { verifyProjections } from "./verify-projections.ts"
import { verifyRedactions } from "./verify-redactions.ts"
import { verifyReversals } from "./verify-reversals.ts"

/** Compares every table that the log decides with the log, which holds by itself. @returns the first problem */
export async function compareTables(source: {
  readonly trx: Transaction<Database>
  readonly ledgerId: string
  readonly log: FoldedLog
  readonly pool: ScanPool
  readonly secret: Uint8Array
  readonly serving: readonly BuildRow[]
}): Promise<Problem | null> {
  const { trx, ledgerId, log, pool, secret, serving } = source
  const { replay, operations: logged } = log
  return (
    (await verifyAccounts(trx, ledgerId)) ??
    (await verifyBalances(trx, ledgerId, replay)) ??
    (await verifyBalanceHistory(trx, ledgerId, log.points, pool)) ??
    (await verifyHolds(trx, ledgerId, log.counts)) ??
    (await verifyReversals(trx, ledgerId, log.counts)) ??
    (await verifyRedactions(trx, ledgerId, log.counts)) ??
    (await verifyOperations(trx, ledgerId, { logged, pool, secret })) ??
    (await verifyConfirmations(trx, ledgerId, log.counts)) ??
    (await verifyAnchors(trx, ledgerId)) ??
    (await verifyBatches(trx, ledgerId, replay)) ??
    (await verifyItems(trx, ledgerId, log)) ??
    (await verifyCheckpoints(trx, ledgerId, BigInt(log.end), Buffer.concat(log.blockRoots))) ??
    verifyProjections(trx, ledgerId, serving)
  )
}

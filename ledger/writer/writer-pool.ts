import type pg from "pg"
import { createPool } from "../../platform/postgres.ts"
import { genesisHash } from "../domain/event-encoding.ts"
import { projectAccounts } from "../projections/accounts.ts"
import { projectBalances } from "../projections/balances.ts"
import { moveHead } from "../store/append.ts"
import { findAccounts } from "../store/find-accounts.ts"
import { findBalances } from "../store/find-balances.ts"
import { findOperationsStatement } from "../store/find-operations.ts"
import { copyEvents } from "../store/insert-events.ts"
import { copyOperations } from "../store/insert-operations.ts"
import { isHeadElsewhere, lockHeadAt, lockHeadStatement } from "../store/ledger-transaction.ts"
import { inPipelinedTransaction } from "./pipelined-transaction.ts"

const connectionsMax = 8
// Longer than the server lets a paused holder of the head keep it: who waits for the head then gets it without asking again.
const queryTimeoutMs = 12_000

/**
 * The connections of a process's writers, apart from everybody else's: reads that pile up delay no write. They pipeline, and stay open, so that a write after a quiet hour
 * finds its statements prepared.
 */
export function createWriterPool(options: {
  readonly databaseUrl: string
  readonly applicationName: string
  readonly queryTimeoutMs?: number
}): pg.Pool {
  return createPool({
    queryTimeoutMs,
    ...options,
    connectionsMax,
    connectionsMin: 2,
    pipeline: true,
    settings: {
      // A statement is planned once and then runs for as long as its connection lives: by then the small table that it was planned on may be a large one.
      plan_cache_mode: "force_generic_plan",
      // A generic plan takes a range for thousands of rows; what is read is a few, and starting a worker takes longer than that.
      max_parallel_workers_per_gather: "0",
      enable_seqscan: "off",
      enable_bitmapscan: "off",
      enable_sort: "off",
      enable_incremental_sort: "off",
    },
  })
}

const noLedger = "00000000-0000-0000-0000-000000000000"

/** Opens a connection and has every statement of a write planned on it, by writing nothing to a ledger that does not exist: the first caller need not wait for that. */
export async function warmUpWriterPool(pool: pg.Pool): Promise<void> {
  const nowhere = {
    ledgerId: noLedger,
    position: 0n,
    recordedAt: new Date(0),
    hash: genesisHash,
    accountCount: 0n,
    batchCount: 0n,
    clock: { saidMs: 0, askedAtMs: 0 },
    balances: new Map(),
  }
  await inPipelinedTransaction(pool, async (transaction) => {
    await transaction.begin([
      lockHeadStatement(noLedger),
      findOperationsStatement(noLedger, []),
      findAccounts(noLedger, []),
      findBalances(noLedger, nowhere, []),
    ])
    await transaction.commit([
      copyEvents(noLedger, []),
      projectAccounts(noLedger, []),
      projectBalances(noLedger, [], new Date(0)),
      moveHead(nowhere),
      copyOperations(noLedger, []),
    ])
  })
  // The one that fails where there is no such head, which is how it says so.
  const locked = inPipelinedTransaction(pool, (transaction) => transaction.commit([lockHeadAt(nowhere)]))
  await locked.catch((error: unknown) => {
    if (!isHeadElsewhere(error)) throw error
  })
}

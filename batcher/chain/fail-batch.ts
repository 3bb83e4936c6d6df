import type { Transaction } from "kysely"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import { isTransientPostgresError } from "../../platform/postgres.ts"
import { noteFailure, spendNonceInVain } from "../store/batch-moves.ts"
import { pauseLane } from "../store/lanes.ts"
import type { OpenBatch } from "../store/open-batches.ts"
import { type DeskTurn, retryAtAfterFailure, strategyOf } from "./desk-turn.ts"

/** Counts a failure of the batch; it waits longer each time. */
export async function failBatch(turn: DeskTurn, batch: OpenBatch, message: string): Promise<void> {
  const failures = batch.failures + 1
  turn.batcher.logger.warn({ batchId: batch.batchId, failures, problem: message }, "a batch failed")
  await noteFailure(turn.desk, batch, {
    message,
    retryAt: retryAtAfterFailure(turn, batch),
    isCounted: true,
    also: (trx) => pauseAfterLastFailure(trx, batch, message),
  })
}

/** After the last retry the batch's lane is paused, so that somebody looks; resuming it tries once more. */
export async function pauseAfterLastFailure(
  trx: Transaction<Database>,
  batch: OpenBatch,
  message: string,
): Promise<void> {
  const failures = batch.failures + 1
  if (failures < strategyOf(batch).retriesMax) return
  const reason = `batch ${batch.batchSequence} failed ${failures} times: ${message}`
  await raiseAlarm(trx, { kind: "batch_failing", subject: `batch:${batch.batchId}`, message: reason })
  await pauseLane(trx, batch, reason)
}

/**
 * Does a step for one batch. What is wrong with this batch alone is counted against it and keeps none of the others; trouble with the chain, the database or the lease
 * ends the turn.
 * @returns undefined when the step failed
 */
export async function guardBatch<Result>(
  turn: DeskTurn,
  batch: OpenBatch,
  step: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await step()
  } catch (error) {
    if (isTrouble(error)) throw error
    if (error instanceof ChainBridgeError && error.code === "BATCH_ALTERED") {
      await stopAltered(turn, batch, error.message)
      return undefined
    }
    await failBatch(turn, batch, describeError(error).slice(0, 500))
    return undefined
  }
}

/** Somebody changed what was sealed. Its lane stops at once; a nonce that it had and has signed nothing for is given up, so that it keeps no other batch. */
async function stopAltered(turn: DeskTurn, batch: OpenBatch, message: string): Promise<void> {
  const { batcher, desk } = turn
  batcher.logger.error({ batchId: batch.batchId }, message)
  const options = {
    message,
    retryAt: retryAtAfterFailure(turn, batch),
    also: async (trx: Transaction<Database>) => {
      await raiseAlarm(trx, { kind: "batch_altered", subject: `batch:${batch.batchId}`, message })
      await pauseLane(trx, batch, message)
    },
  }
  const { nonce } = batch
  if (nonce === null || batch.hashes.length > 0)
    await noteFailure(desk, batch, { ...options, isCounted: true })
  else await spendNonceInVain(desk, { ...batch, nonce }, { ...options, at: batcher.now() })
}

function isTrouble(error: unknown): boolean {
  for (let current = error, depth = 0; current instanceof Error && depth < 10; depth += 1) {
    if (current instanceof ChainBridgeError && current.retryable) return true
    if (isTransientPostgresError(current)) return true
    current = current.cause
  }
  return false
}

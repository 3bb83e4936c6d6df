import type { Transaction } from "kysely"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError, causesOf, describeError } from "../../platform/errors.ts"
import { isTransientPostgresError } from "../../platform/postgres.ts"
import { judgeErrorRate } from "../domain/error-rate.ts"
import { describeCall } from "../store/call-key.ts"
import { noteFailure, spendNonceInVain } from "../store/call-moves.ts"
import { readOutcomes } from "../store/failures.ts"
import { pauseLane } from "../store/lanes.ts"
import type { OpenCall } from "../store/open-call.ts"
import { alarmFailing, logOf } from "./call-alarms.ts"
import { type DeskTurn, retryAtAfterFailure, strategyOf } from "./desk-turn.ts"

/** Counts a failure of the call; it waits longer each time. */
export async function failCall(turn: DeskTurn, call: OpenCall, message: string): Promise<void> {
  const failures = call.failures + 1
  turn.batcher.logger.warn({ ...logOf(call), failures, problem: message }, `${describeCall(call)} failed`)
  await noteFailure(turn.desk, call, {
    message,
    at: turn.batcher.now(),
    retryAt: retryAtAfterFailure(turn, call),
    isCounted: true,
    also: (trx) => stopAfterFailures(trx, call, message, turn.batcher.now()),
  })
}

/** Nothing is known to be wrong with the call, which waits. Where it did so before somebody is told: nobody else would say it. */
export async function noteWaiting(
  turn: DeskTurn,
  call: OpenCall,
  message: string,
  retryAt: Date,
): Promise<void> {
  await noteFailure(turn.desk, call, {
    message,
    at: turn.batcher.now(),
    retryAt,
    isCounted: false,
    also: async (trx) => {
      if (call.retryAt !== null) await alarmFailing(trx, call, `${describeCall(call)} waits: ${message}`)
    },
  })
}

/**
 * After a batch's last retry, or when too much of what its lane tries fails, the lane is paused, so that somebody looks; resuming it tries once more. An anchor goes on trying: nothing waits
 * for it. So does what takes a batch's id out of use, which no paused lane keeps either: its changes wait in their batch, and nobody else's have to.
 */
export async function stopAfterFailures(
  trx: Transaction<Database>,
  call: OpenCall,
  message: string,
  at: Date,
): Promise<void> {
  const failures = call.failures + 1
  const { retriesMax, errorRate } = strategyOf(call)
  if (failures >= retriesMax) {
    const reason = `${describeCall(call)} failed ${failures} times: ${message}`
    if (call.kind === "batch" && !call.isCancelling) await pauseLane(trx, call, reason, "errors")
    await alarmFailing(trx, call, reason)
  }
  if (call.kind === "anchor" || call.isCancelling) return
  const outcomes = await readOutcomes(trx, call, new Date(at.getTime() - errorRate.windowMs))
  const tooMuch = judgeErrorRate(outcomes, errorRate)
  if (tooMuch !== null) await pauseLane(trx, call, `${tooMuch}; the last one: ${message}`, "errors")
}

/**
 * Does a step for one call. What is wrong with this call alone is counted against it and keeps none of the others; trouble with the chain, the database or the lease
 * ends the turn.
 * @returns undefined when the step failed
 */
export async function guardCall<Result>(
  turn: DeskTurn,
  call: OpenCall,
  step: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await step()
  } catch (error) {
    if (isTrouble(error)) throw error
    if (error instanceof ChainBridgeError && alteredCodes.has(error.code)) {
      await stopAltered(turn, call, error.message)
      return undefined
    }
    await failCall(turn, call, describeError(error).slice(0, 500))
    return undefined
  }
}

const alteredCodes: ReadonlySet<string> = new Set(["BATCH_ALTERED", "CHECKPOINT_ALTERED"])

/** Somebody changed what was sealed. A batch's lane stops at once; a nonce that the call had and has signed nothing for is given up, so that it keeps no other one. */
async function stopAltered(turn: DeskTurn, call: OpenCall, message: string): Promise<void> {
  const { batcher, desk } = turn
  batcher.logger.error(logOf(call), message)
  const options = {
    message,
    at: batcher.now(),
    retryAt: retryAtAfterFailure(turn, call),
    also: async (trx: Transaction<Database>) => {
      if (call.kind === "anchor") return alarmFailing(trx, call, message)
      const { batchId, ledgerId } = call
      await pauseLane(trx, call, message, "altered")
      await raiseAlarm(trx, { kind: "batch_altered", subject: `batch:${batchId}`, ledgerId, message })
    },
  }
  const { nonce } = call
  if (nonce === null || call.hashes.length > 0) await noteFailure(desk, call, { ...options, isCounted: true })
  else await spendNonceInVain(desk, { ...call, nonce }, options)
}

/** Trouble with the chain, the database or the lease: nothing that a call could do something about. */
export function isTrouble(error: unknown): boolean {
  return causesOf(error).some(
    (cause) => (cause instanceof ChainBridgeError && cause.retryable) || isTransientPostgresError(cause),
  )
}

import type { Transaction } from "kysely"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError, causesOf, describeError } from "../../platform/errors.ts"
import { isTransientPostgresError } from "../../platform/postgres.ts"
import { describeCall } from "../store/call-key.ts"
import { noteFailure, spendNonceInVain } from "../store/call-moves.ts"
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
    retryAt: retryAtAfterFailure(turn, call),
    isCounted: true,
    also: (trx) => alarmAfterLastFailure(trx, call, message),
  })
}

/** After the last retry a batch's lane is paused, so that somebody looks; resuming it tries once more. An anchor goes on trying: nothing waits for it. */
export async function alarmAfterLastFailure(
  trx: Transaction<Database>,
  call: OpenCall,
  message: string,
): Promise<void> {
  const failures = call.failures + 1
  if (failures < strategyOf(call).retriesMax) return
  const reason = `${describeCall(call)} failed ${failures} times: ${message}`
  await alarmFailing(trx, call, reason)
  if (call.kind === "batch") await pauseLane(trx, call, reason, "errors")
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
    retryAt: retryAtAfterFailure(turn, call),
    also: async (trx: Transaction<Database>) => {
      if (call.kind === "anchor") return alarmFailing(trx, call, message)
      const { batchId, ledgerId } = call
      await raiseAlarm(trx, { kind: "batch_altered", subject: `batch:${batchId}`, ledgerId, message })
      await pauseLane(trx, call, message, "altered")
    },
  }
  const { nonce } = call
  if (nonce === null || call.hashes.length > 0) await noteFailure(desk, call, { ...options, isCounted: true })
  else await spendNonceInVain(desk, { ...call, nonce }, { ...options, at: batcher.now() })
}

function isTrouble(error: unknown): boolean {
  return causesOf(error).some(
    (cause) => (cause instanceof ChainBridgeError && cause.retryable) || isTransientPostgresError(cause),
  )
}

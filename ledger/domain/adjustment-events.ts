import type { AdjustBalanceCommand, AdjustmentDecision } from "./adjust-balance.ts"
import type { EventDataOf, NewEvent } from "./events.ts"
import { causationOf, type WriteRequest } from "./write-request.ts"

type OperationKey = Pick<WriteRequest, "operationId" | "sequence">

/** The events of an accepted operation, one for each adjustment, in their order. @param accounts by account key, every one that is adjusted */
export function adjustmentEvents(
  command: AdjustBalanceCommand,
  decisions: readonly AdjustmentDecision[],
  accounts: ReadonlyMap<string, { readonly accountId: bigint }>,
  at: Date,
): NewEvent[] {
  return decisions.map(({ adjustment, key, balanceAfter, confirmedAfter }, index) => {
    const account = accounts.get(key)
    if (account === undefined) throw new TypeError("an account was decided on before it was opened")
    return {
      type: "AdjustmentRecorded",
      data: {
        reason_type: adjustment.reasonType,
        business_type: adjustment.businessType,
        priority: adjustment.priority,
        is_immediate: adjustment.isImmediate,
        max_wait_ms: adjustment.maxWaitMs,
        business_batch_id: command.businessBatchId,
        confirmed_after: confirmedAfter.toString(),
        // Once for all of the operation: what its key is bound to is part of the log, and 84 bytes of it.
        ...(index === 0 ? { request_hash: command.requestHash.toString("hex") } : {}),
      },
      operation: { operationId: command.operationId, sequence: command.sequence },
      account: { accountId: account.accountId, amount: adjustment.amountBaseUnits, balanceAfter },
      occurredAt: command.occurredAt ?? at,
      causation: causationOf(command),
      details: { reason_detail: adjustment.reasonDetail, metadata: adjustment.metadata },
    }
  })
}

/** The event before the first adjustment of an account. */
export function accountOpened(
  cause: OperationKey,
  accountId: bigint,
  data: EventDataOf<"AccountOpened">,
  at: Date,
): NewEvent {
  return {
    type: "AccountOpened",
    data,
    operation: null,
    account: { accountId, amount: 0n, balanceAfter: 0n },
    occurredAt: at,
    causation: causationOf(cause),
    details: null,
  }
}

import type { Kysely } from "kysely"
import type { AdjustBalanceCommand, AdjustmentDecision } from "../domain/adjust-balance.ts"
import type { Database } from "./database.ts"
import type { StoredOperation } from "./find-operations.ts"

export type RecordedAdjustment = {
  readonly position: bigint
  readonly userId: string
  readonly tokenId: number
  readonly amountBaseUnits: bigint
  readonly balanceAfter: bigint
  readonly confirmedAfter: bigint
}

/** What a caller is told of an operation that is in the log, the first time and every time after. */
export type RecordedOperation = {
  readonly operationId: string
  readonly sequence: number
  /** The last event of the operation. */
  readonly position: bigint
  readonly recordedAt: Date
  readonly answerContext: unknown
  /** In the order of the request. */
  readonly adjustments: readonly RecordedAdjustment[]
}

/** What is told the first time, from the decisions that have just become events `firstPosition` and following. */
export function recordedOperation(
  command: AdjustBalanceCommand,
  decisions: readonly AdjustmentDecision[],
  firstPosition: bigint,
  recordedAt: Date,
): RecordedOperation {
  return {
    operationId: command.operationId,
    sequence: command.sequence,
    position: firstPosition + BigInt(decisions.length) - 1n,
    recordedAt,
    answerContext: command.answerContext,
    adjustments: decisions.map(({ adjustment, balanceAfter, confirmedAfter }, index) => ({
      position: firstPosition + BigInt(index),
      userId: adjustment.userId,
      tokenId: adjustment.tokenId,
      amountBaseUnits: adjustment.amountBaseUnits,
      balanceAfter,
      confirmedAfter,
    })),
  }
}

/** Reads an operation back from its events, which say what every balance was right after each of them. */
export async function readOperation(
  db: Kysely<Database>,
  ledgerId: string,
  stored: StoredOperation,
): Promise<RecordedOperation> {
  const rows = await db
    .selectFrom("ledger.event_log as e")
    .innerJoin("ledger.accounts as a", (join) =>
      join.onRef("a.ledger_id", "=", "e.ledger_id").onRef("a.account_id", "=", "e.account_id"),
    )
    .select(["e.position", "e.amount", "e.balance_after", "e.data", "a.user_id", "a.token_id"])
    .where("e.ledger_id", "=", ledgerId)
    .where("e.position", ">=", stored.firstPosition)
    .where("e.position", "<=", stored.lastPosition)
    .where("e.type", "=", "AdjustmentRecorded")
    .orderBy("e.position")
    .execute()
  return {
    operationId: stored.operationId,
    sequence: stored.sequence,
    position: stored.lastPosition,
    recordedAt: stored.recordedAt,
    answerContext: stored.answerContext,
    adjustments: rows.map((row) => ({
      position: row.position,
      userId: row.user_id,
      tokenId: row.token_id,
      amountBaseUnits: row.amount ?? 0n,
      balanceAfter: row.balance_after ?? 0n,
      confirmedAfter: BigInt((row.data as { confirmed_after: string }).confirmed_after),
    })),
  }
}

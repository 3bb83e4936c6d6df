import type { Kysely } from "kysely"
import type { AccountBalance, AdjustBalanceCommand, AdjustmentDecision } from "../domain/adjust-balance.ts"
import type { NewEvent, NewEventOf } from "../domain/events.ts"
import type { WriteRequest } from "../domain/write-request.ts"
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

type HoldStepType = "HoldPlaced" | "HoldCaptured" | "HoldReleased"

/** What an operation did to a hold. */
export type RecordedHoldStep = {
  readonly type: HoldStepType
  readonly position: bigint
  /** Of the HoldPlaced. */
  readonly holdPosition: bigint
  readonly userId: string
  readonly tokenId: number
  /** The whole hold. */
  readonly amountBaseUnits: bigint
  readonly capturedBaseUnits: bigint
  /** Of a hold that was placed. */
  readonly expiresAt: Date | null
  readonly after: AccountBalance
}

/** What a caller is told of an operation that is in the log, the first time and every time after. */
export type RecordedOperation = {
  readonly operationId: string
  readonly sequence: number
  /** The last event of the operation. */
  readonly position: bigint
  readonly recordedAt: Date
  readonly answerContext: unknown
  /** Adjustments in the order of the request, or the one reversal. */
  readonly adjustments: readonly RecordedAdjustment[]
  readonly hold: RecordedHoldStep | null
  /** Of how many events the operation erased the details. */
  readonly redactedEvents: number
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
    hold: null,
    redactedEvents: 0,
  }
}

type Account = { readonly userId: string; readonly tokenId: number }

/** The same of an operation that is one event. */
export function recordedEvent(
  request: WriteRequest,
  event: NewEvent,
  position: bigint,
  recordedAt: Date,
  account: (Account & { readonly after: AccountBalance }) | null,
): RecordedOperation {
  const { operationId, sequence, answerContext } = request
  const isReversal = account !== null && event.type === "AdjustmentReversed"
  return {
    operationId,
    sequence,
    position,
    recordedAt,
    answerContext,
    adjustments: isReversal
      ? [
          {
            position,
            userId: account.userId,
            tokenId: account.tokenId,
            amountBaseUnits: event.account?.amount ?? 0n,
            balanceAfter: account.after.pending,
            confirmedAfter: account.after.confirmed,
          },
        ]
      : [],
    hold: account !== null && isHoldStep(event) ? holdStepOf(event, position, account, account.after) : null,
    redactedEvents: event.type === "DetailsRedacted" ? event.data.positions.length : 0,
  }
}

function isHoldStep(event: Pick<NewEvent, "type">): event is NewEventOf<HoldStepType> {
  return event.type === "HoldPlaced" || event.type === "HoldCaptured" || event.type === "HoldReleased"
}

function holdStepOf(
  event: Pick<NewEventOf<HoldStepType>, "type" | "data">,
  position: bigint,
  { userId, tokenId }: Account,
  after: AccountBalance,
): RecordedHoldStep {
  const { pending, confirmed, locked } = after
  const common = { type: event.type, position, userId, tokenId, after: { pending, confirmed, locked } }
  if ("hold_position" in event.data) {
    const captured = "captured" in event.data ? BigInt(event.data.captured) : 0n
    return {
      ...common,
      holdPosition: BigInt(event.data.hold_position),
      amountBaseUnits: captured + BigInt(event.data.released),
      capturedBaseUnits: captured,
      expiresAt: null,
    }
  }
  return {
    ...common,
    holdPosition: position,
    amountBaseUnits: BigInt(event.data.amount),
    capturedBaseUnits: 0n,
    expiresAt: new Date(event.data.expires_at),
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
    .leftJoin("ledger.accounts as a", (join) =>
      join.onRef("a.ledger_id", "=", "e.ledger_id").onRef("a.account_id", "=", "e.account_id"),
    )
    .select([
      "e.position",
      "e.type",
      "e.account_id",
      "e.amount",
      "e.balance_after",
      "e.data",
      "a.user_id",
      "a.token_id",
    ])
    .where("e.ledger_id", "=", ledgerId)
    .where("e.position", ">=", stored.firstPosition)
    .where("e.position", "<=", stored.lastPosition)
    .orderBy("e.position")
    .execute()
  const [first] = rows
  return {
    operationId: stored.operationId,
    sequence: stored.sequence,
    position: stored.lastPosition,
    recordedAt: stored.recordedAt,
    answerContext: stored.answerContext,
    adjustments: rows
      .filter(({ type }) => type === "AdjustmentRecorded" || type === "AdjustmentReversed")
      .map((row) => ({
        position: row.position,
        userId: row.user_id ?? "",
        tokenId: row.token_id ?? 0,
        amountBaseUnits: row.amount ?? 0n,
        balanceAfter: row.balance_after ?? 0n,
        confirmedAfter: BigInt((row.data as { confirmed_after: string }).confirmed_after),
      })),
    hold: first === undefined ? null : await readHoldStep(db, ledgerId, first),
    redactedEvents:
      first?.type === "DetailsRedacted" ? (first.data as { positions: number[] }).positions.length : 0,
  }
}

async function readHoldStep(
  db: Kysely<Database>,
  ledgerId: string,
  row: {
    readonly type: string
    readonly position: bigint
    readonly data: unknown
    readonly account_id: bigint | null
    readonly user_id: string | null
    readonly token_id: number | null
  },
): Promise<RecordedHoldStep | null> {
  const event = { type: row.type, data: row.data } as NewEvent
  const { account_id: accountId, user_id: userId, token_id: tokenId } = row
  if (!isHoldStep(event) || accountId === null || userId === null || tokenId === null) return null
  const after = await db
    .selectFrom("ledger.balance_history")
    .select(["pending", "confirmed", "locked"])
    .where("ledger_id", "=", ledgerId)
    .where("account_id", "=", accountId)
    .where("position", "=", row.position)
    .executeTakeFirstOrThrow()
  return holdStepOf(event, row.position, { userId, tokenId }, after)
}

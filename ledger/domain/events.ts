import { z } from "zod"

const id = z.number().int().positive()
const integer = z.string().regex(/^-?\d+$/)
const hex32 = z.string().regex(/^0x[0-9a-f]{64}$/)
const address = z.string().regex(/^0x[0-9a-f]{40}$/)

/** Where on a chain a fact was seen. */
const chainReference = {
  chain_id: id,
  block_number: z.number().int().nonnegative(),
  block_hash: hex32,
  log_index: z.number().int().nonnegative(),
  transaction_hash: hex32,
}

/** `settled` leaves the unsettled changes, `amount` is what the chain moved; they differ only by drift. */
const accountMove = z.strictObject({ account_id: id, settled: integer, amount: integer })

const positive = z.string().regex(/^[1-9]\d*$/)
const natural = z.string().regex(/^(?:0|[1-9]\d*)$/)

/** HMAC-SHA256 of the request, in hex: in the first event of its operation, and in no other. */
const requestHash = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .optional()

/** What settlement has to know of a change, and an analyst wants to. */
const change = {
  reason_type: z.string(),
  business_type: z.string(),
  priority: z.enum(["low", "normal", "high", "urgent"]),
  is_immediate: z.boolean(),
  max_wait_ms: z.number().int().nonnegative().nullable(),
  business_batch_id: z.string().nullable(),
  request_hash: requestHash,
}

/** What one DetailsRedacted may name. */
export const redactedPositionsMax = 10_000

export const eventSchemas = {
  AccountOpened: z.strictObject({
    user_id: z.string(),
    chain_id: id,
    token_address: address,
    address,
  }),
  AdjustmentRecorded: z.strictObject({ ...change, confirmed_after: integer }),
  /** The opposite of an earlier adjustment of the same account. */
  AdjustmentReversed: z.strictObject({ ...change, confirmed_after: integer, reversed_position: id }),
  /** Keeps an amount back for a later capture. Names what the capture will be recorded as. */
  HoldPlaced: z.strictObject({ ...change, amount: positive, expires_at: z.iso.datetime({ precision: 3 }) }),
  /** Ends a hold: `captured` is taken from the account, `released` can be spent again. */
  HoldCaptured: z.strictObject({ ...change, hold_position: id, captured: positive, released: natural }),
  HoldReleased: z.strictObject({ hold_position: id, released: positive, request_hash: requestHash }),
  HoldExpired: z.strictObject({ hold_position: id, released: positive }),
  SettlementSealed: z.strictObject({
    batch_sequence: id,
    batch_id: hex32,
    content_hash: hex32,
    chain_id: id,
    token_address: address,
    trigger: z.string(),
    accounts: z.array(z.strictObject({ account_id: id, net: integer, positions: z.array(id).min(1) })).min(1),
  }),
  SettlementNetted: z.strictObject({
    accounts: z.array(z.strictObject({ account_id: id, positions: z.array(id).min(2) })).min(1),
  }),
  SettlementConfirmed: z.strictObject({
    ...chainReference,
    batch_sequence: id,
    batch_id: hex32,
    accounts: z.array(accountMove),
  }),
  /** Debits that the chain skipped: their changes wait again, outside of the batch. */
  SettlementDeferred: z.strictObject({
    ...chainReference,
    batch_sequence: id,
    accounts: z.array(z.strictObject({ account_id: id, net: integer, chain_balance: integer })).min(1),
  }),
  /**
   * A batch that nothing was ever signed for is taken apart: all its changes wait again. The accounts that the chain would refuse are the ones it is taken apart for.
   */
  SettlementDissolved: z.strictObject({
    batch_sequence: id,
    batch_id: hex32,
    refused: z.array(z.strictObject({ account_id: id, reason: z.string().min(1).max(500) })).min(1),
  }),
  /**
   * The chain took the id of a batch out of use: whatever was signed for the batch can never settle it. The changes of these accounts, all that it still held, wait again.
   */
  SettlementCancelled: z.strictObject({
    ...chainReference,
    batch_sequence: id,
    batch_id: hex32,
    accounts: z.array(z.strictObject({ account_id: id, net: integer })),
  }),
  /** Waiting changes of one account that will never be settled are taken out of its balance. Final, as a reversal of each of them would be. */
  SettlementDiscarded: z.strictObject({
    positions: z.array(id).min(1),
    reason: z.string().min(1).max(500),
    requested_by: z.string(),
  }),
  DepositObserved: z.strictObject({ ...chainReference, counterparty: address }),
  WithdrawalObserved: z.strictObject({ ...chainReference, counterparty: address }),
  ConfirmationRevoked: z.strictObject({
    chain_id: id,
    block_number: z.number().int().nonnegative(),
    block_hash: hex32,
    revoked_position: id,
    revoked_type: z.enum([
      "SettlementConfirmed",
      "SettlementDeferred",
      "SettlementCancelled",
      "DepositObserved",
      "WithdrawalObserved",
      "CheckpointAnchored",
    ]),
    batch_sequence: id.nullable(),
    /** The moves that are taken back, as the revoked event made them. */
    accounts: z.array(accountMove),
    /** Accounts of a revoked SettlementDeferred or SettlementCancelled whose changes go back into their batch. */
    reopened_account_ids: z.array(id),
  }),
  /** The details of these events were erased in the transaction that appended this one. */
  DetailsRedacted: z.strictObject({
    positions: z.array(id).min(1).max(redactedPositionsMax),
    /** The person whom the erasure is about, where it is about one. */
    user_id: z.string().nullable(),
    reason: z.string(),
    requested_by: z.string(),
    request_hash: requestHash,
  }),
  /** The chain holds the root of the log's first `tree_size` events. */
  CheckpointAnchored: z.strictObject({ ...chainReference, tree_size: id, root: hex32, anchor: address }),
} as const

export type EventType = keyof typeof eventSchemas
export type EventDataOf<Type extends EventType> = z.infer<(typeof eventSchemas)[Type]>

/** What every change says besides its amount, and a hold of the change that its capture will be. */
export type ChangeData = Omit<EventDataOf<"AdjustmentRecorded">, "confirmed_after" | "request_hash">

/** That part of an event's data. */
export function changeDataOf(data: ChangeData): ChangeData {
  const { reason_type, business_type, priority, is_immediate, max_wait_ms, business_batch_id } = data
  return { reason_type, business_type, priority, is_immediate, max_wait_ms, business_batch_id }
}

/** What a caller said in free words; erasable, so only a salted hash of it is part of the event's hash. */
export type EventDetails = {
  readonly reason_detail: string | null
  readonly metadata: Record<string, unknown>
}

type EventShape<Type extends EventType> = {
  readonly type: Type
  readonly data: EventDataOf<Type>
  readonly operation: { readonly operationId: string; readonly sequence: number } | null
  /** Set where exactly one account is touched. `amount` is the signed change of its pending balance. */
  readonly account: {
    readonly accountId: bigint
    readonly amount: bigint
    readonly balanceAfter: bigint
  } | null
  readonly occurredAt: Date
  /** `operation:…`, `batch:…` or `log:<chain>:<block hash>:<log index>`. */
  readonly causation: string
  readonly details: EventDetails | null
}

/** An event before it has a position. One shape for each type. */
export type NewEvent = { [Type in EventType]: EventShape<Type> }[EventType]
export type NewEventOf<Type extends EventType> = Extract<NewEvent, { type: Type }>

export type RecordedEvent = NewEvent & { readonly position: bigint; readonly recordedAt: Date }

/** Events that change a balance by a decision of ours, and wait for the chain to follow. */
export const changeTypes = ["AdjustmentRecorded", "AdjustmentReversed", "HoldCaptured"] as const
export type ChangeType = (typeof changeTypes)[number]

/** Events that somebody asked for by a request, and that its key is bound to. */
export const requestedTypes = [
  ...changeTypes,
  "HoldPlaced",
  "HoldReleased",
  "DetailsRedacted",
] as const satisfies readonly EventType[]

export function isChange(event: NewEvent): event is NewEventOf<ChangeType> {
  return (changeTypes as readonly string[]).includes(event.type)
}

/** The version that is written today. A reader upcasts older ones before it validates. */
export const eventVersion = 1

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(eventSchemas, type)
}

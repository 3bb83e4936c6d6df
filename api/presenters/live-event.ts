import { z } from "@hono/zod-openapi"
import { formatAmount } from "../../ledger/domain/amount.ts"
import type {
  EventDataOf,
  EventDetails,
  EventType,
  NewEventOf,
  RecordedEvent,
} from "../../ledger/domain/events.ts"
import { unreachable } from "../../platform/errors.ts"
import type { RegisteredToken } from "../registry/registry-snapshot.ts"
import { timeAnswer } from "../validation/schemas.ts"
import { encodeHoldId } from "./hold-id.ts"
import { encodeTxId } from "./tx-id.ts"

/** What subscribers and webhooks read for each event of the log. */
export const liveTypeOf = {
  AccountOpened: "account.opened",
  AdjustmentRecorded: "balance.adjusted",
  AdjustmentReversed: "balance.reversed",
  HoldPlaced: "hold.placed",
  HoldCaptured: "hold.captured",
  HoldReleased: "hold.released",
  HoldExpired: "hold.expired",
  SettlementSealed: "settlement.sealed",
  SettlementNetted: "settlement.netted",
  SettlementConfirmed: "settlement.confirmed",
  SettlementDeferred: "settlement.deferred",
  SettlementDissolved: "settlement.dissolved",
  SettlementCancelled: "settlement.cancelled",
  SettlementDiscarded: "settlement.discarded",
  DepositObserved: "deposit.observed",
  WithdrawalObserved: "withdrawal.observed",
  ConfirmationRevoked: "confirmation.revoked",
  DetailsRedacted: "details.redacted",
  CheckpointAnchored: "checkpoint.anchored",
} as const satisfies Record<EventType, string>

export type LiveType = (typeof liveTypeOf)[EventType]
export const liveTypes = Object.values(liveTypeOf)
const liveTypeSchema = z.enum(liveTypes)

export const liveEventSchema = z
  .object({
    id: z
      .string()
      .openapi({ description: "Position in the event log, from 1 without a gap", example: "184467" }),
    type: liveTypeSchema,
    time: timeAnswer.openapi({ description: "When it was recorded" }),
    data: z.record(z.string(), z.unknown()),
  })
  .openapi("LiveEvent")

export type LiveEvent = {
  readonly id: string
  readonly type: LiveType
  readonly time: string
  readonly data: Readonly<Record<string, unknown>>
}

/** An event as it is sent. */
export type WrittenEvent = {
  readonly id: string
  readonly type: LiveType
  /** The whole {@link LiveEvent}. */
  readonly json: string
}

/** Whose an account is, and in what token. */
export type AccountOwner = { readonly userId: string; readonly token: RegisteredToken }

/** What the log and the registry say of what an event names by number. */
export type LiveLookup = {
  readonly ledgerId: string
  ownerOf(accountId: bigint): AccountOwner
  /** The changes of a batch, by account, as they were sealed; none for a batch that is not there. */
  sealedPositions(batchSequence: number): ReadonlyMap<number, readonly number[]>
}

/** One part of an event's `data.accounts`. */
type AccountPart = { readonly user_id: string } & Readonly<Record<string, unknown>>

/** An event that is ready to be sent, to everybody who may see all of it or to one user. */
export type LiveMessage = {
  readonly position: bigint
  readonly type: LiveType
  /** null: it is about no token. */
  readonly token: RegisteredToken | null
  /** Whom it is about. */
  readonly users: ReadonlySet<string>
  /** @param userId leaves out of `data.accounts` what concerns others */
  write(userId: string | null): WrittenEvent
}

type Content = {
  readonly token: RegisteredToken | null
  /** For an event about one user or none. */
  readonly userId?: string | null
  readonly data: Readonly<Record<string, unknown>>
  /** For an event about several. */
  readonly accounts?: readonly AccountPart[]
}

/** Makes of an event of the log what subscribers and webhooks get. Everything in it comes from the log. */
export function presentLiveEvent(event: RecordedEvent, lookup: LiveLookup): LiveMessage {
  const { token, userId = null, data, accounts } = contentOf(event, lookup)
  const users = new Set(accounts?.map((account) => account.user_id) ?? (userId === null ? [] : [userId]))
  const type = liveTypeOf[event.type]
  const envelope = { id: event.position.toString(), type, time: event.recordedAt.toISOString() }
  const written = (shown: LiveEvent["data"]): WrittenEvent => ({
    id: envelope.id,
    type,
    json: JSON.stringify({ ...envelope, data: shown } satisfies LiveEvent),
  })
  // Whoever follows everything gets the same text.
  let whole: WrittenEvent | undefined
  return {
    position: event.position,
    ...{ type, token, users },
    write(only) {
      if (accounts !== undefined && only !== null)
        return written({ ...data, accounts: accounts.filter((account) => account.user_id === only) })
      whole ??= written(accounts === undefined ? data : { ...data, accounts })
      return whole
    },
  }
}

function contentOf(event: RecordedEvent, lookup: LiveLookup): Content {
  switch (event.type) {
    case "AccountOpened": {
      const { token, userId, own } = ownOf(event, lookup)
      return { token, userId, data: { ...own, address: event.data.address } }
    }
    case "AdjustmentRecorded":
      return changeContent(event, lookup, {})
    case "AdjustmentReversed":
      return changeContent(event, lookup, { reverses: txId(lookup, event.data.reversed_position) })
    case "HoldCaptured": {
      const { token } = ownOf(event, lookup)
      return changeContent(event, lookup, {
        hold_id: holdId(lookup, event.data.hold_position),
        captured: formatAmount(BigInt(event.data.captured), token.decimals),
        released: formatAmount(BigInt(event.data.released), token.decimals),
      })
    }
    case "HoldPlaced": {
      const { token, userId, own } = ownOf(event, lookup)
      const hold = {
        hold_id: encodeHoldId(lookup.ledgerId, event.position),
        amount: formatAmount(BigInt(event.data.amount), token.decimals),
        expires_at: event.data.expires_at,
      }
      return { token, userId, data: { ...own, ...hold, ...reasonOf(event) } }
    }
    case "HoldReleased":
    case "HoldExpired": {
      const { token, userId, own } = ownOf(event, lookup)
      const hold = {
        hold_id: holdId(lookup, event.data.hold_position),
        released: formatAmount(BigInt(event.data.released), token.decimals),
      }
      return { token, userId, data: { ...own, ...hold } }
    }
    case "DepositObserved":
    case "WithdrawalObserved": {
      const { token, userId, own } = ownOf(event, lookup)
      const place = { ...chainPlace(event.data), counterparty: event.data.counterparty }
      return { token, userId, data: { ...own, ...movedBy(event, lookup, token), ...place } }
    }
    case "SettlementDiscarded": {
      const { token, userId, own } = ownOf(event, lookup)
      const discarded = {
        reason: event.data.reason,
        discards: event.data.positions.map((at) => txId(lookup, at)),
      }
      return { token, userId, data: { ...own, ...movedBy(event, lookup, token), ...discarded } }
    }
    case "SettlementSealed":
    case "SettlementNetted":
    case "SettlementConfirmed":
    case "SettlementDeferred":
    case "SettlementDissolved":
    case "SettlementCancelled":
    case "ConfirmationRevoked":
      return settlementContent(event, lookup)
    case "DetailsRedacted": {
      const { user_id: userId, positions, reason } = event.data
      return {
        token: null,
        userId,
        data: { user_id: userId, reason, tx_ids: positions.map((position) => txId(lookup, position)) },
      }
    }
    case "CheckpointAnchored": {
      const { tree_size, root, anchor } = event.data
      return { token: null, data: { tree_size, root, anchor, ...chainPlace(event.data) } }
    }
    default:
      return unreachable(event)
  }
}

type BatchEvent = Extract<
  RecordedEvent,
  {
    type:
      | "SettlementSealed"
      | "SettlementNetted"
      | "SettlementConfirmed"
      | "SettlementDeferred"
      | "SettlementDissolved"
      | "SettlementCancelled"
      | "ConfirmationRevoked"
  }
>

function settlementContent(event: BatchEvent, lookup: LiveLookup): Content {
  switch (event.type) {
    case "SettlementSealed": {
      const { batch_id, batch_sequence, trigger } = event.data
      return about(
        lookup,
        { batch_id, batch_sequence: String(batch_sequence), trigger },
        event.data.accounts,
        (account, amount) => ({
          amount: amount(account.net),
          tx_ids: account.positions.map((position) => txId(lookup, position)),
        }),
      )
    }
    case "SettlementNetted":
      return about(lookup, {}, event.data.accounts, (account) => ({
        tx_ids: account.positions.map((position) => txId(lookup, position)),
      }))
    case "SettlementConfirmed": {
      const { batch_id, batch_sequence } = event.data
      const txIds = sealedTxIds(lookup, batch_sequence)
      return about(
        lookup,
        { batch_id, ...chainPlace(event.data) },
        event.data.accounts,
        (account, amount) => ({
          amount: amount(account.amount),
          // What settles nothing is a move that came after the account had left the batch.
          tx_ids: account.settled === "0" ? [] : txIds(account.account_id),
        }),
      )
    }
    case "SettlementDeferred": {
      const { batch_sequence } = event.data
      const txIds = sealedTxIds(lookup, batch_sequence)
      const batch = { batch_sequence: String(batch_sequence), ...chainPlace(event.data) }
      return about(lookup, batch, event.data.accounts, (account, amount) => ({
        amount: amount(account.net),
        tx_ids: txIds(account.account_id),
      }))
    }
    case "SettlementDissolved": {
      const { batch_id, batch_sequence, refused } = event.data
      const reasons = new Map(refused.map(({ account_id, reason }) => [account_id, reason]))
      const sealed = [...lookup.sealedPositions(batch_sequence)]
      const accounts = sealed.map(([account_id, positions]) => ({ account_id, positions }))
      return about(lookup, { batch_id }, accounts, ({ account_id, positions }) => ({
        refused: reasons.get(account_id) ?? null,
        tx_ids: positions.map((position) => txId(lookup, position)),
      }))
    }
    case "SettlementCancelled": {
      const { batch_id, batch_sequence } = event.data
      const txIds = sealedTxIds(lookup, batch_sequence)
      return about(
        lookup,
        { batch_id, ...chainPlace(event.data) },
        event.data.accounts,
        (account, amount) => ({
          amount: amount(account.net),
          tx_ids: txIds(account.account_id),
        }),
      )
    }
    case "ConfirmationRevoked": {
      const { revoked_position, revoked_type, block_number, batch_sequence, reopened_account_ids } =
        event.data
      const txIds = batch_sequence === null ? () => [] : sealedTxIds(lookup, batch_sequence)
      const moves = event.data.accounts.map((move) => ({ ...move, isReopened: false }))
      const reopened = reopened_account_ids.map((account_id) => ({
        ...{ account_id, settled: "0", amount: "0", isReopened: true },
      }))
      const revoked = {
        revokes: String(revoked_position),
        revoked_type: liveTypeOf[revoked_type],
        chain_id: event.data.chain_id,
        block_number,
      }
      return about(lookup, revoked, [...moves, ...reopened], (move, amount) => ({
        amount: amount(-BigInt(move.amount)),
        tx_ids: move.isReopened || move.settled !== "0" ? txIds(move.account_id) : [],
      }))
    }
    default:
      return unreachable(event)
  }
}

type AmountFormat = (baseUnits: string | bigint) => string

/** The content of an event about accounts of one token. */
function about<Account extends { readonly account_id: number }>(
  lookup: LiveLookup,
  data: Readonly<Record<string, unknown>>,
  accounts: readonly Account[],
  describe: (account: Account, amount: AmountFormat) => Readonly<Record<string, unknown>>,
): Content {
  const [first] = accounts
  // One batch is one token's.
  const token = first === undefined ? null : lookup.ownerOf(BigInt(first.account_id)).token
  const parts = accounts.map((account) => {
    const owner = lookup.ownerOf(BigInt(account.account_id))
    const { decimals } = owner.token
    return {
      user_id: owner.userId,
      ...describe(account, (baseUnits) => formatAmount(BigInt(baseUnits), decimals, true)),
    }
  })
  return { token, data: { ...data, ...(token === null ? {} : tokenNames(token)) }, accounts: parts }
}

function ownOf(event: RecordedEvent, lookup: LiveLookup) {
  if (event.account === null) throw new TypeError(`${event.type} ${event.position} is about no account`)
  const { userId, token } = lookup.ownerOf(event.account.accountId)
  return { userId, token, own: { user_id: userId, ...tokenNames(token) } }
}

function changeContent(
  event: RecordedEvent & NewEventOf<"AdjustmentRecorded" | "AdjustmentReversed" | "HoldCaptured">,
  lookup: LiveLookup,
  more: Readonly<Record<string, unknown>>,
): Content {
  const { token, userId, own } = ownOf(event, lookup)
  return { token, userId, data: { ...own, ...movedBy(event, lookup, token), ...more, ...reasonOf(event) } }
}

function movedBy(event: RecordedEvent, lookup: LiveLookup, { decimals }: RegisteredToken) {
  const { amount, balanceAfter } = event.account ?? { amount: 0n, balanceAfter: 0n }
  return {
    tx_id: encodeTxId(lookup.ledgerId, event.position),
    amount: formatAmount(amount, decimals, true),
    balance_after: formatAmount(balanceAfter, decimals),
  }
}

function reasonOf(event: {
  readonly operation: RecordedEvent["operation"]
  readonly details: EventDetails | null
  readonly data: Pick<
    EventDataOf<"AdjustmentRecorded">,
    "reason_type" | "business_type" | "business_batch_id"
  >
}) {
  const { operation, details, data } = event
  return {
    operation_id: operation?.operationId ?? null,
    sequence: operation?.sequence ?? null,
    business_batch_id: data.business_batch_id,
    reason_type: data.reason_type,
    business_type: data.business_type,
    reason_detail: details?.reason_detail ?? null,
    metadata: details?.metadata ?? null,
  }
}

type Place = { readonly chain_id: number; readonly transaction_hash: string; readonly block_number: number }

function chainPlace({ chain_id, transaction_hash, block_number }: Place) {
  return { chain_id, blockchain_tx: transaction_hash, block_number }
}

function tokenNames({ symbol, chain }: RegisteredToken) {
  return { token_symbol: symbol, chain_id: Number(chain.chainId) }
}

function sealedTxIds(lookup: LiveLookup, batchSequence: number): (accountId: number) => string[] {
  const sealed = lookup.sealedPositions(batchSequence)
  return (accountId) => (sealed.get(accountId) ?? []).map((position) => txId(lookup, position))
}

function txId({ ledgerId }: LiveLookup, position: number): string {
  return encodeTxId(ledgerId, BigInt(position))
}

function holdId({ ledgerId }: LiveLookup, position: number): string {
  return encodeHoldId(ledgerId, BigInt(position))
}

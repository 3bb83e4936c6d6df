import { effectsOf } from "./effects.ts"
import type { EventDataOf, NewEvent, NewEventOf } from "./events.ts"
import { noAccounts, type ReplayedAccount, type ReplayedAccounts } from "./replay-accounts.ts"
import {
  type BatchAccount,
  batchAccountOf,
  changeBatch,
  type ReplayedBatch,
  type ReplayedBatches,
} from "./replay-batches.ts"
import { noChanges, type ReplayedChanges } from "./replay-changes.ts"
import {
  addConfirmation,
  type LiveConfirmations,
  noConfirmations,
  removeConfirmation,
} from "./replay-confirmations.ts"
import { ReplayFault } from "./replay-fault.ts"
import { endHold, type OpenHold, placeHold } from "./replay-holds.ts"

/** The state that a log alone gives. */
export type Replay = {
  readonly accounts: ReplayedAccounts
  readonly changes: ReplayedChanges
  readonly batches: ReplayedBatches
  readonly confirmations: LiveConfirmations
  /** By the position of their HoldPlaced. */
  readonly openHolds: Map<bigint, OpenHold>
  /** Positions of changes that were taken back, and of the changes that did so. */
  readonly reversed: Set<number>
  readonly reversals: Set<number>
  /** Positions whose details a DetailsRedacted says were erased. */
  readonly redacted: Set<number>
}

export function startReplay(): Replay {
  return {
    accounts: noAccounts(),
    changes: noChanges(),
    batches: new Map(),
    confirmations: noConfirmations(),
    openHolds: new Map(),
    reversed: new Set(),
    reversals: new Set(),
    redacted: new Set(),
  }
}

/**
 * Applies one event and checks the law `pending = confirmed + Σ unsettled changes` for every account that it touches; that a log is confirmed once while its confirmation stands;
 * and that a revocation takes back what was confirmed.
 * @throws ReplayFault when the event contradicts the log before it
 */
export function replayEvent(replay: Replay, position: bigint, event: NewEvent): void {
  const touched = new Set<bigint>()
  let moved = 0n
  for (const effect of effectsOf(event)) {
    if (event.type === "AccountOpened") replay.accounts.open(effect.accountId)
    replay.accounts.update(effect.accountId, (account) => {
      account.pending += effect.pending
      account.confirmed += effect.confirmed
      account.locked += effect.locked
      account.position = position
    })
    moved += effect.pending
    touched.add(effect.accountId)
  }
  if (event.account !== null) {
    const { accountId, amount, balanceAfter } = event.account
    const { pending } = accountOf(replay, accountId)
    if (pending !== balanceAfter) {
      throw new ReplayFault(`the event says the balance becomes ${balanceAfter}, the log says ${pending}`)
    }
    if (moved !== amount || touched.size !== 1 || !touched.has(accountId)) {
      throw new ReplayFault(`the event says that it moves account ${accountId} by ${amount} and does not`)
    }
  }
  moveChanges(replay, position, event)
  for (const accountId of touched) {
    const { pending, confirmed, unsettled } = accountOf(replay, accountId)
    if (pending !== confirmed + unsettled) {
      throw new ReplayFault(
        `account ${accountId}: pending ${pending} is not confirmed ${confirmed} + unsettled ${unsettled}`,
      )
    }
  }
}

/**
 * The same for an AdjustmentRecorded, which nearly every event of a log is, without an object for any of its parts: amount and balance are decimal limbs.
 * @throws ReplayFault when the event contradicts the log before it
 */
export function replayAdjustment(
  replay: Replay,
  position: number,
  accountId: number,
  limbs: Uint32Array,
  amountAt: number,
  balanceAt: number,
): void {
  replay.accounts.applyChange(accountId, position, limbs, amountAt, balanceAt)
  replay.changes.add(position, accountId, limbs, amountAt)
}

function moveChanges(replay: Replay, position: bigint, event: NewEvent): void {
  switch (event.type) {
    case "AdjustmentRecorded":
      addChange(replay, position, event)
      break
    case "AdjustmentReversed":
      reverse(replay, position, event)
      addChange(replay, position, event)
      break
    case "HoldPlaced":
      placeHold(replay, position, event)
      break
    case "HoldCaptured":
      endHold(replay, event)
      addChange(replay, position, event)
      break
    case "HoldReleased":
    case "HoldExpired":
      endHold(replay, event)
      break
    case "DetailsRedacted":
      redact(replay, position, event.data)
      break
    case "SettlementSealed":
      seal(replay, event.data)
      break
    case "SettlementNetted":
      for (const account of event.data.accounts) {
        takeWaiting(replay, account.account_id, account.positions, "netted")
        const sum = replay.changes.sum(account.positions)
        if (sum !== 0n) throw new ReplayFault(`account ${account.account_id} was netted with a sum of ${sum}`)
      }
      break
    case "SettlementDissolved":
      dissolve(replay, position, event.data)
      break
    case "SettlementDiscarded":
      discard(replay, position, event)
      break
    case "SettlementConfirmed":
      addConfirmation(replay.confirmations, position, event)
      confirm(replay, position, event.data)
      break
    case "SettlementDeferred":
      addConfirmation(replay.confirmations, position, event)
      defer(replay, event.data)
      break
    case "SettlementCancelled":
      addConfirmation(replay.confirmations, position, event)
      cancel(replay, position, event.data)
      break
    case "ConfirmationRevoked":
      removeConfirmation(replay.confirmations, event.data)
      revoke(replay, event.data)
      break
    case "DepositObserved":
    case "WithdrawalObserved":
    case "CheckpointAnchored":
      addConfirmation(replay.confirmations, position, event)
      break
    case "AccountOpened":
      break
  }
}

function addChange(replay: Replay, position: bigint, { type, account }: NewEvent): void {
  if (account === null) throw new ReplayFault(`${type} without an account`)
  replay.changes.addChange(position, account)
  moveUnsettled(replay, account.accountId, account.amount)
}

function reverse(replay: Replay, position: bigint, event: NewEventOf<"AdjustmentReversed">): void {
  const { reversed_position: reversed } = event.data
  const original = replay.changes.get(reversed)
  if (original === undefined || BigInt(reversed) >= position || replay.reversals.has(reversed))
    throw new ReplayFault(`position ${reversed} is no change that can be reversed`)
  if (replay.reversed.has(reversed)) throw new ReplayFault(`position ${reversed} is reversed already`)
  if (event.account?.accountId !== original.accountId || event.account.amount !== -original.amount)
    throw new ReplayFault(
      `position ${reversed} moved account ${original.accountId} by ${original.amount}: this is not its opposite`,
    )
  replay.reversed.add(reversed)
  replay.reversals.add(Number(position))
}

function redact(replay: Replay, position: bigint, data: EventDataOf<"DetailsRedacted">): void {
  for (const redacted of data.positions) {
    if (BigInt(redacted) >= position)
      throw new ReplayFault(`position ${redacted} is redacted before it is there`)
    if (replay.redacted.has(redacted)) throw new ReplayFault(`position ${redacted} is redacted already`)
    replay.redacted.add(redacted)
  }
}

function seal(replay: Replay, data: EventDataOf<"SettlementSealed">): void {
  if (data.batch_sequence !== replay.batches.size + 1) {
    throw new ReplayFault(`batch ${data.batch_sequence} is sealed after ${replay.batches.size} batches`)
  }
  const accounts = new Map<bigint, BatchAccount>()
  for (const account of data.accounts) {
    takeWaiting(replay, account.account_id, account.positions, data.batch_sequence)
    const net = replay.changes.sum(account.positions)
    if (net.toString() !== account.net || net === 0n) {
      throw new ReplayFault(
        `account ${account.account_id} was sealed with a net of ${account.net}, its changes add up to ${net}`,
      )
    }
    accounts.set(BigInt(account.account_id), { positions: account.positions, state: "held" })
  }
  if (accounts.size !== data.accounts.length) {
    throw new ReplayFault(`an account is twice in batch ${data.batch_sequence}`)
  }
  replay.batches.set(BigInt(data.batch_sequence), {
    accounts,
    confirmedPosition: null,
    dissolvedPosition: null,
    cancelledPosition: null,
  })
}

/** What lets changes out of a batch, and puts them back when it is revoked. */
const lettingOut: ReadonlySet<string> = new Set(["SettlementDeferred", "SettlementCancelled"])

function isOpen({ confirmedPosition, dissolvedPosition, cancelledPosition }: ReplayedBatch): boolean {
  return confirmedPosition === null && dissolvedPosition === null && cancelledPosition === null
}

/** Nothing of the batch is or ever was on its way: all that it holds waits again. */
function dissolve(replay: Replay, position: bigint, data: EventDataOf<"SettlementDissolved">): void {
  const { batch_sequence: sequence } = data
  changeBatch(replay.batches, sequence, (batch) => {
    for (const { account_id: id } of data.refused) batchAccountOf(batch, sequence, id)
    if (!isOpen(batch)) throw new ReplayFault(`batch ${sequence} is over, and is taken apart`)
    batch.dissolvedPosition = position
    for (const account of batch.accounts.values()) {
      if (account.state !== "held")
        throw new ReplayFault(`batch ${sequence} does not hold all that it sealed`)
      account.state = "deferred"
      for (const at of account.positions) replay.changes.putBack(at)
    }
  })
}

function discard(
  replay: Replay,
  position: bigint,
  { account, data }: NewEventOf<"SettlementDiscarded">,
): void {
  if (account === null) throw new ReplayFault("SettlementDiscarded without an account")
  const sum = replay.changes.sum(data.positions)
  if (sum !== -account.amount)
    throw new ReplayFault(
      `the changes that are discarded add up to ${sum}, and ${account.amount} is taken out`,
    )
  for (const at of data.positions) {
    if (BigInt(at) >= position || replay.reversed.has(at))
      throw new ReplayFault(`the change at ${at} was reversed, and is discarded`)
    // Nobody may reverse it any more.
    replay.reversed.add(at)
  }
  takeWaiting(replay, Number(account.accountId), data.positions, "discarded")
  moveUnsettled(replay, account.accountId, -sum)
}

/** What a batch settles are all the changes that it holds of an account; an account that was deferred and has left settles nothing, whatever the chain moved. */
function confirm(replay: Replay, position: bigint, data: EventDataOf<"SettlementConfirmed">): void {
  changeBatch(replay.batches, data.batch_sequence, (batch) => {
    if (batch.confirmedPosition !== null) {
      throw new ReplayFault(
        `batch ${data.batch_sequence} is confirmed already, at position ${batch.confirmedPosition}`,
      )
    }
    if (batch.cancelledPosition !== null)
      throw new ReplayFault(`batch ${data.batch_sequence} is cancelled, and is confirmed`)
    batch.confirmedPosition = position
    const seen = new Set<number>()
    for (const { account_id: id, settled } of data.accounts) {
      const account = batchAccountOf(batch, data.batch_sequence, id)
      const sum = account.state === "held" ? replay.changes.sum(account.positions) : 0n
      if (seen.has(id) || sum.toString() !== settled) {
        throw new ReplayFault(`account ${id}: ${settled} is said to be settled, the batch holds ${sum}`)
      }
      seen.add(id)
      if (account.state === "held") account.state = "settled"
      moveUnsettled(replay, BigInt(id), -sum)
    }
  })
}

function defer(replay: Replay, data: EventDataOf<"SettlementDeferred">): void {
  changeBatch(replay.batches, data.batch_sequence, (batch) => {
    for (const { account_id: id, net } of data.accounts) {
      const account = batchAccountOf(batch, data.batch_sequence, id)
      if (account.state !== "held" || replay.changes.sum(account.positions).toString() !== net) {
        throw new ReplayFault(`account ${id}: batch ${data.batch_sequence} does not hold ${net} of it`)
      }
      account.state = "deferred"
      for (const at of account.positions) replay.changes.putBack(at)
    }
  })
}

/** Whatever was signed for the batch settles nothing any more: all that it holds waits again. */
function cancel(replay: Replay, position: bigint, data: EventDataOf<"SettlementCancelled">): void {
  const { batch_sequence: sequence } = data
  changeBatch(replay.batches, sequence, (batch) => {
    if (!isOpen(batch)) throw new ReplayFault(`batch ${sequence} is over, and is cancelled`)
    batch.cancelledPosition = position
    for (const { account_id: id, net } of data.accounts) {
      const account = batchAccountOf(batch, sequence, id)
      if (account.state !== "held" || replay.changes.sum(account.positions).toString() !== net)
        throw new ReplayFault(`account ${id}: batch ${sequence} does not hold ${net} of it`)
      account.state = "deferred"
      for (const at of account.positions) replay.changes.putBack(at)
    }
    if ([...batch.accounts.values()].some(({ state }) => state === "held"))
      throw new ReplayFault(`batch ${sequence} is cancelled, and still holds accounts`)
  })
}

function revoke(replay: Replay, data: EventDataOf<"ConfirmationRevoked">): void {
  const { batch_sequence: sequence } = data
  if (sequence === null) return
  changeBatch(replay.batches, sequence, (batch) => {
    if (data.revoked_type === "SettlementConfirmed") batch.confirmedPosition = null
    if (data.revoked_type === "SettlementCancelled") batch.cancelledPosition = null
    for (const { account_id: id, settled } of data.accounts) {
      if (settled === "0") continue
      const account = batchAccountOf(batch, sequence, id)
      const sum = replay.changes.sum(account.positions)
      if (account.state !== "settled" || sum.toString() !== settled) {
        throw new ReplayFault(`account ${id}: batch ${sequence} did not settle ${settled} of it`)
      }
      account.state = "held"
      moveUnsettled(replay, BigInt(id), sum)
    }
    for (const id of data.reopened_account_ids) {
      const account = batchAccountOf(batch, sequence, id)
      if (!lettingOut.has(data.revoked_type) || account.state !== "deferred") {
        throw new ReplayFault(
          `account ${id} was not deferred from batch ${sequence}, and is put back into it`,
        )
      }
      takeWaiting(replay, id, account.positions, sequence)
      account.state = "held"
    }
  })
}

function takeWaiting(
  { changes }: Replay,
  accountId: number,
  positions: readonly number[],
  owner: "netted" | "discarded" | number,
): void {
  for (const at of positions) {
    if (!changes.take(at, accountId, owner))
      throw new ReplayFault(`the change at ${at} of account ${accountId} was not waiting`)
  }
}

function moveUnsettled({ accounts }: Replay, accountId: bigint, amount: bigint): void {
  accounts.update(accountId, (account) => {
    account.unsettled += amount
  })
}

function accountOf(replay: Replay, accountId: bigint): ReplayedAccount {
  const account = replay.accounts.get(accountId)
  if (account === undefined) throw new ReplayFault(`account ${accountId} was never opened`)
  return account
}

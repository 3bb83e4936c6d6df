import { effectsOf } from "./effects.ts"
import type { EventDataOf, NewEvent } from "./events.ts"

export type ReplayedAccount = {
  pending: bigint
  confirmed: bigint
  /** Sum of the accepted changes that are not on chain yet, kept change by change and not derived from the other two. */
  unsettled: bigint
}

type Change = { readonly accountId: bigint; readonly amount: bigint }
/** An account's changes are in a batch all together or not at all. */
type BatchAccount = { readonly changes: readonly (readonly [bigint, Change])[]; isHeld: boolean }
type Batch = ReadonlyMap<bigint, BatchAccount>

/** The state that a log alone gives. */
export type Replay = {
  readonly accounts: Map<bigint, ReplayedAccount>
  readonly waiting: Map<bigint, Change>
  readonly batches: Map<bigint, Batch>
}

/** What makes a log impossible. */
export class ReplayFault extends Error {
  override readonly name = "ReplayFault"
}

export function startReplay(): Replay {
  return { accounts: new Map(), waiting: new Map(), batches: new Map() }
}

/**
 * Applies one event and checks the law `pending = confirmed + Σ unsettled changes` for every account that it touches.
 * @throws ReplayFault when the event contradicts the log before it
 */
export function replayEvent(replay: Replay, position: bigint, event: NewEvent): void {
  const touched = new Set<bigint>()
  for (const effect of effectsOf(event)) {
    if (event.type === "AccountOpened") {
      if (replay.accounts.has(effect.accountId))
        throw new ReplayFault(`account ${effect.accountId} was opened twice`)
      replay.accounts.set(effect.accountId, { pending: 0n, confirmed: 0n, unsettled: 0n })
      continue
    }
    const account = accountOf(replay, effect.accountId)
    account.pending += effect.pending
    account.confirmed += effect.confirmed
    touched.add(effect.accountId)
  }
  if (event.account !== null) {
    const { pending } = accountOf(replay, event.account.accountId)
    if (pending !== event.account.balanceAfter) {
      throw new ReplayFault(
        `the event says the balance becomes ${event.account.balanceAfter}, the log says ${pending}`,
      )
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

function moveChanges(replay: Replay, position: bigint, event: NewEvent): void {
  switch (event.type) {
    case "AdjustmentRecorded": {
      if (event.account === null) throw new ReplayFault("an adjustment without an account")
      const { accountId, amount } = event.account
      replay.waiting.set(position, { accountId, amount })
      accountOf(replay, accountId).unsettled += amount
      break
    }
    case "SettlementSealed":
      seal(replay, event.data)
      break
    case "SettlementNetted":
      for (const account of event.data.accounts) {
        const sum = sumOf(takeWaiting(replay, account.account_id, account.positions))
        if (sum !== 0n) throw new ReplayFault(`account ${account.account_id} was netted with a sum of ${sum}`)
      }
      break
    case "SettlementConfirmed":
      confirm(replay, event.data)
      break
    case "SettlementDeferred":
      defer(replay, event.data)
      break
    case "ConfirmationRevoked":
      revoke(replay, event.data)
      break
    case "AccountOpened":
    case "DepositObserved":
    case "WithdrawalObserved":
      break
  }
}

function seal(replay: Replay, data: EventDataOf<"SettlementSealed">): void {
  const batch = new Map<bigint, BatchAccount>()
  for (const account of data.accounts) {
    const changes = takeWaiting(replay, account.account_id, account.positions)
    const net = sumOf(changes)
    if (net.toString() !== account.net) {
      throw new ReplayFault(
        `account ${account.account_id} was sealed with a net of ${account.net}, its changes add up to ${net}`,
      )
    }
    batch.set(BigInt(account.account_id), { changes, isHeld: true })
  }
  replay.batches.set(BigInt(data.batch_sequence), batch)
}

function confirm(replay: Replay, data: EventDataOf<"SettlementConfirmed">): void {
  for (const { account_id: id, settled } of data.accounts) {
    const account = batchAccountOf(replay, data.batch_sequence, id)
    const sum = account.isHeld ? sumOf(account.changes) : 0n
    if (sum.toString() !== settled) {
      throw new ReplayFault(`account ${id}: ${settled} is said to be settled, the batch holds ${sum}`)
    }
    account.isHeld = false
    accountOf(replay, BigInt(id)).unsettled -= sum
  }
}

function defer(replay: Replay, data: EventDataOf<"SettlementDeferred">): void {
  for (const { account_id: id } of data.accounts) {
    const account = batchAccountOf(replay, data.batch_sequence, id)
    if (!account.isHeld) throw new ReplayFault(`account ${id} was not in batch ${data.batch_sequence}`)
    account.isHeld = false
    for (const [at, change] of account.changes) replay.waiting.set(at, change)
  }
}

function revoke(replay: Replay, data: EventDataOf<"ConfirmationRevoked">): void {
  if (data.batch_sequence === null) return
  for (const { account_id: id, settled } of data.accounts) {
    if (settled === "0") continue
    const account = batchAccountOf(replay, data.batch_sequence, id)
    const sum = sumOf(account.changes)
    if (account.isHeld || sum.toString() !== settled) {
      throw new ReplayFault(`account ${id}: batch ${data.batch_sequence} did not settle ${settled} of it`)
    }
    account.isHeld = true
    accountOf(replay, BigInt(id)).unsettled += sum
  }
  for (const id of data.reopened_account_ids) {
    const account = batchAccountOf(replay, data.batch_sequence, id)
    takeWaiting(
      replay,
      id,
      account.changes.map(([at]) => Number(at)),
    )
    account.isHeld = true
  }
}

function takeWaiting(replay: Replay, accountId: number, positions: readonly number[]): [bigint, Change][] {
  return positions.map((at) => {
    const position = BigInt(at)
    const change = replay.waiting.get(position)
    if (change === undefined || change.accountId !== BigInt(accountId)) {
      throw new ReplayFault(`the change at ${at} of account ${accountId} was not waiting`)
    }
    replay.waiting.delete(position)
    return [position, change]
  })
}

function sumOf(changes: readonly (readonly [bigint, Change])[]): bigint {
  return changes.reduce((total, [, change]) => total + change.amount, 0n)
}

function batchAccountOf(replay: Replay, batchSequence: number, accountId: number): BatchAccount {
  const batch = replay.batches.get(BigInt(batchSequence))
  if (batch === undefined) throw new ReplayFault(`batch ${batchSequence} was never sealed`)
  const account = batch.get(BigInt(accountId))
  if (account === undefined) throw new ReplayFault(`account ${accountId} is not in batch ${batchSequence}`)
  return account
}

function accountOf(replay: Replay, accountId: bigint): ReplayedAccount {
  const account = replay.accounts.get(accountId)
  if (account === undefined) throw new ReplayFault(`account ${accountId} was never opened`)
  return account
}

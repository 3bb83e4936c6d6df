import { effectsOf } from "./effects.ts"
import type { EventDataOf, NewEvent } from "./events.ts"

export type ReplayedAccount = {
  pending: bigint
  confirmed: bigint
  /** Sum of the accepted changes that are not on chain yet, kept change by change and not derived from the other two. */
  unsettled: bigint
}

type Change = { readonly accountId: bigint; readonly amount: bigint }
type Batch = {
  readonly changes: Map<bigint, Change>
  readonly positionsOf: ReadonlyMap<bigint, readonly bigint[]>
}

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
        const sum = takeWaiting(replay, account.account_id, account.positions).reduce(
          (total, [, c]) => total + c.amount,
          0n,
        )
        if (sum !== 0n) throw new ReplayFault(`account ${account.account_id} was netted with a sum of ${sum}`)
      }
      break
    case "SettlementConfirmed":
      for (const account of event.data.accounts) {
        const accountId = BigInt(account.account_id)
        const sum = takeFromBatch(replay, event.data.batch_sequence, accountId).reduce(
          (total, [, c]) => total + c.amount,
          0n,
        )
        if (sum.toString() !== account.settled) {
          throw new ReplayFault(
            `account ${accountId}: ${account.settled} is said to be settled, the batch holds ${sum}`,
          )
        }
        accountOf(replay, accountId).unsettled -= sum
      }
      break
    case "SettlementDeferred":
      for (const account of event.data.accounts) {
        for (const [at, change] of takeFromBatch(
          replay,
          event.data.batch_sequence,
          BigInt(account.account_id),
        )) {
          replay.waiting.set(at, change)
        }
      }
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
  const changes = new Map<bigint, Change>()
  const positionsOf = new Map<bigint, bigint[]>()
  for (const account of data.accounts) {
    const taken = takeWaiting(replay, account.account_id, account.positions)
    const net = taken.reduce((total, [, change]) => total + change.amount, 0n)
    if (net.toString() !== account.net) {
      throw new ReplayFault(
        `account ${account.account_id} was sealed with a net of ${account.net}, its changes add up to ${net}`,
      )
    }
    for (const [at, change] of taken) changes.set(at, change)
    positionsOf.set(
      BigInt(account.account_id),
      taken.map(([at]) => at),
    )
  }
  replay.batches.set(BigInt(data.batch_sequence), { changes, positionsOf })
}

function revoke(replay: Replay, data: EventDataOf<"ConfirmationRevoked">): void {
  if (data.batch_sequence === null) return
  const batch = batchOf(replay, data.batch_sequence)
  if (data.revoked_type === "SettlementConfirmed") {
    // The changes themselves are gone from the waiting set; they come back as one sum a change, under their old positions.
    for (const account of data.accounts) {
      const accountId = BigInt(account.account_id)
      const [first] = batch.positionsOf.get(accountId) ?? []
      if (first === undefined)
        throw new ReplayFault(`account ${accountId} is not in batch ${data.batch_sequence}`)
      batch.changes.set(first, { accountId, amount: BigInt(account.settled) })
      accountOf(replay, accountId).unsettled += BigInt(account.settled)
    }
    return
  }
  for (const id of data.reopened_account_ids) {
    const positions = batch.positionsOf.get(BigInt(id)) ?? []
    for (const [at, change] of takeWaiting(replay, id, positions.map(Number))) batch.changes.set(at, change)
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

function takeFromBatch(replay: Replay, batchSequence: number, accountId: bigint): [bigint, Change][] {
  const { changes } = batchOf(replay, batchSequence)
  const taken = [...changes].filter(([, change]) => change.accountId === accountId)
  for (const [at] of taken) changes.delete(at)
  return taken
}

function batchOf(replay: Replay, batchSequence: number): Batch {
  const batch = replay.batches.get(BigInt(batchSequence))
  if (batch === undefined) throw new ReplayFault(`batch ${batchSequence} was never sealed`)
  return batch
}

function accountOf(replay: Replay, accountId: bigint): ReplayedAccount {
  const account = replay.accounts.get(accountId)
  if (account === undefined) throw new ReplayFault(`account ${accountId} was never opened`)
  return account
}

import { createHoldFold } from "./fold-holds.ts"
import type { LogEvent } from "./log-event.ts"

export type FoldedAccount = {
  readonly userId: string
  readonly address: string
  pending: bigint
  confirmed: bigint
}

export type FoldedBatch = {
  readonly batchId: string
  readonly contentHash: string
  /** Net change by account id, as it was sealed. */
  readonly nets: ReadonlyMap<string, bigint>
  /** Confirmations that were not revoked. */
  confirmations: number
  transactionHash: string | null
  /** Block hash and index of the log that the newest confirmation is about. */
  place: string | null
  /** Accounts whose debit the chain skipped, by id: their changes are no longer the batch's. */
  readonly deferred: Set<string>
  /** Taken apart before anything was signed. */
  isDissolved: boolean
  /** Its id was burnt on the chain before it settled. */
  isCancelled: boolean
}

/** A deposit or a withdrawal that was not taken back. */
export type FoldedMove = {
  readonly accountId: string
  readonly amount: bigint
  /** Block hash and index of the log. */
  readonly place: string
}

export type FoldedOperation = {
  readonly changes: { readonly userId: string; readonly amount: bigint }[]
  readonly firstPosition: bigint
  lastPosition: bigint
}

export type FoldedLog = {
  readonly ledgerId: string
  readonly events: bigint
  readonly accounts: ReadonlyMap<string, FoldedAccount>
  readonly batches: ReadonlyMap<string, FoldedBatch>
  readonly operations: ReadonlyMap<string, FoldedOperation>
  /** By position. */
  readonly moves: ReadonlyMap<string, FoldedMove>
  /** Accepted changes: adjustments, reversals and captures. */
  readonly changes: number
  /** Sum and number of the changes that no confirmed batch and no netting has settled, by account id. */
  readonly unsettled: ReadonlyMap<string, { readonly changes: number; readonly amount: bigint }>
  readonly blockNumberMax: bigint
  readonly problems: readonly string[]
}

type Moves = readonly { readonly account_id: number; readonly settled: string; readonly amount: string }[]
type Sealed = readonly {
  readonly account_id: number
  readonly net: string
  readonly positions: readonly number[]
}[]
const problemsMax = 20

function placeOf(data: LogEvent["data"]): string {
  return `${data["block_hash"]}/${data["log_index"]}`
}

/** Adds an event log up, from its lines alone. What contradicts itself is listed, not thrown: one fault must not hide the next. */
export function createLogFold() {
  const accounts = new Map<string, FoldedAccount>()
  const batches = new Map<string, FoldedBatch>()
  const operations = new Map<string, FoldedOperation>()
  /** By position: where an accepted change is. */
  const changes = new Map<bigint, { accountId: string; amount: bigint; place: string }>()
  const moves = new Map<string, FoldedMove>()
  const problems: string[] = []
  let ledgerId = ""
  let position = 0n
  let hash = "0".repeat(64)
  let blockNumberMax = 0n

  const problem = (text: string) => {
    if (problems.length < problemsMax) problems.push(`position ${position}: ${text}`)
  }
  const holds = createHoldFold(problem)
  const accountOf = (id: string | number): FoldedAccount => {
    const account = accounts.get(String(id))
    if (account !== undefined) return account
    problem(`account ${id} was never opened`)
    return { userId: "", address: "", pending: 0n, confirmed: 0n }
  }
  const take = (positions: readonly number[], from: string, to: string): bigint =>
    positions.reduce((sum, at) => {
      const change = changes.get(BigInt(at))
      if (change === undefined || change.place !== from)
        problem(`the change at ${at} is not ${from} but ${change?.place ?? "nowhere"}`)
      if (change === undefined) return sum
      change.place = to
      return sum + change.amount
    }, 0n)
  const placesOf = (sequence: number) => ({ open: `batch ${sequence}`, settled: `settled by ${sequence}` })
  /** Positions by batch and account, to find a batch's changes without looking at all of them. */
  const held = new Map<string, readonly number[]>()
  const batchOf = (sequence: number): FoldedBatch | undefined => {
    const batch = batches.get(String(sequence))
    if (batch === undefined) problem(`is about batch ${sequence}, which was never sealed`)
    return batch
  }
  /** What a batch holds of an account by now. */
  const heldBy = (sequence: number, accountId: number): readonly number[] =>
    batches.get(String(sequence))?.deferred.has(String(accountId)) === true
      ? []
      : (held.get(`${sequence}/${accountId}`) ?? [])

  function add(event: LogEvent): void {
    if (position === 0n) ledgerId = event.ledgerId
    if (event.ledgerId !== ledgerId) problem(`belongs to ledger ${event.ledgerId}`)
    if (event.position !== position + 1n) problem(`is followed by position ${event.position}`)
    position = event.position
    if (event.prevHash !== hash) problem("does not continue the hash before it")
    if (event.hash !== event.computedHash) problem("has another hash than its content")
    hash = event.hash
    const { data } = event
    const sequence = data["batch_sequence"] as number
    switch (event.type) {
      case "AccountOpened":
        if (accounts.has(event.accountId ?? "")) problem(`opens account ${event.accountId} again`)
        accounts.set(event.accountId ?? "", {
          userId: data["user_id"] as string,
          address: data["address"] as string,
          pending: 0n,
          confirmed: 0n,
        })
        return
      case "AdjustmentRecorded":
      case "AdjustmentReversed":
        record(event)
        return
      case "HoldPlaced":
        holds.place(event)
        return
      case "HoldCaptured":
        record(event)
        holds.end(event)
        return
      case "HoldReleased":
      case "HoldExpired":
        holds.end(event)
        return
      case "DepositObserved":
      case "WithdrawalObserved":
        observe(event)
        return
      case "SettlementSealed":
        seal(sequence, data)
        return
      case "SettlementNetted":
        for (const { account_id: id, positions } of data["accounts"] as Sealed)
          if (take(positions, "waiting", "netted") !== 0n) problem(`account ${id} does not net to zero`)
        return
      case "SettlementConfirmed":
        confirm(sequence, data)
        return
      case "SettlementDeferred":
      case "SettlementCancelled":
        for (const { account_id: id } of data["accounts"] as Moves) {
          take(heldBy(sequence, id), placesOf(sequence).open, "waiting")
          batchOf(sequence)?.deferred.add(String(id))
        }
        if (event.type === "SettlementCancelled") noteCancelled(sequence, true)
        return
      case "SettlementDissolved":
        dissolve(sequence)
        return
      case "SettlementDiscarded":
        discard(event)
        return
      case "ConfirmationRevoked":
        revoke(sequence, data)
        return
      // Move nobody's money.
      case "CheckpointAnchored":
        return
      default:
        problem(`is a ${event.type}, which nothing here can have caused`)
    }
  }

  function record({ accountId, amount, balanceAfter, operationKey, position: at }: LogEvent): void {
    if (accountId === null || amount === null || operationKey === null) {
      problem("is an adjustment without account, amount or operation")
      return
    }
    const account = accountOf(accountId)
    account.pending += amount
    if (account.pending !== balanceAfter)
      problem(`says account ${accountId} has ${balanceAfter}; its changes add up to ${account.pending}`)
    // A withdrawal that was made outside may have done so before; a credit need not make up for it.
    if (amount < 0n && account.pending < 0n) problem(`takes account ${accountId} below zero`)
    changes.set(at, { accountId, amount, place: "waiting" })
    const change = { userId: account.userId, amount }
    const operation = operations.get(operationKey)
    if (operation === undefined)
      operations.set(operationKey, { changes: [change], firstPosition: at, lastPosition: at })
    else {
      // Accounts are opened in front of an operation's adjustments, never between them.
      if (operation.lastPosition !== at - 1n) problem(`records more of ${operationKey}, which had ended`)
      operation.changes.push(change)
      operation.lastPosition = at
    }
  }

  function observe({ accountId, amount, balanceAfter, position: at, data }: LogEvent): void {
    if (accountId === null || amount === null) {
      problem("is a move without account or amount")
      return
    }
    const account = accountOf(accountId)
    account.pending += amount
    account.confirmed += amount
    if (account.pending !== balanceAfter)
      problem(`says account ${accountId} has ${balanceAfter}; its changes add up to ${account.pending}`)
    noteBlock(data)
    moves.set(at.toString(), { accountId, amount, place: placeOf(data) })
  }

  function discard({ accountId, amount, data }: LogEvent): void {
    const sum = take(data["positions"] as number[], "waiting", "discarded")
    if (accountId === null || amount !== -sum) problem(`discards changes that add up to ${sum} by ${amount}`)
    else accountOf(accountId).pending += amount
  }

  function dissolve(sequence: number): void {
    const batch = batchOf(sequence)
    if (batch === undefined) return
    if (batch.confirmations > 0) problem(`takes batch ${sequence} apart, which is confirmed`)
    batch.isDissolved = true
    for (const id of batch.nets.keys()) take(heldBy(sequence, Number(id)), placesOf(sequence).open, "waiting")
  }

  function noteCancelled(sequence: number, isCancelled: boolean): void {
    const batch = batchOf(sequence)
    if (batch !== undefined) batch.isCancelled = isCancelled
  }

  function noteBlock(data: LogEvent["data"]): void {
    const block = BigInt(data["block_number"] as number)
    if (block > blockNumberMax) blockNumberMax = block
  }

  function seal(sequence: number, data: LogEvent["data"]): void {
    if (batches.has(String(sequence))) problem(`seals batch ${sequence} again`)
    const nets = new Map<string, bigint>()
    for (const { account_id: id, net, positions } of data["accounts"] as Sealed) {
      held.set(`${sequence}/${id}`, positions)
      const sum = take(positions, "waiting", placesOf(sequence).open)
      if (sum !== BigInt(net)) problem(`seals ${net} for account ${id}; its changes add up to ${sum}`)
      nets.set(String(id), sum)
    }
    batches.set(String(sequence), {
      batchId: data["batch_id"] as string,
      contentHash: data["content_hash"] as string,
      nets,
      confirmations: 0,
      transactionHash: null,
      place: null,
      deferred: new Set(),
      isDissolved: false,
      isCancelled: false,
    })
  }

  function confirm(sequence: number, data: LogEvent["data"]): void {
    const batch = batchOf(sequence)
    if (batch === undefined) return
    if (batch.isDissolved || batch.isCancelled)
      problem(`confirms batch ${sequence}, which was taken apart or cancelled`)
    noteBlock(data)
    batch.confirmations++
    batch.transactionHash = data["transaction_hash"] as string
    batch.place = placeOf(data)
    for (const { account_id: id, settled, amount } of data["accounts"] as Moves) {
      accountOf(id).confirmed += BigInt(amount)
      const { open, settled: place } = placesOf(sequence)
      const sum = take(heldBy(sequence, id), open, place)
      if (sum !== BigInt(settled) || sum !== BigInt(amount))
        problem(`settles ${settled} of account ${id} by ${amount}; the batch held ${sum}`)
    }
  }

  function revoke(sequence: number, data: LogEvent["data"]): void {
    const revoked = data["accounts"] as Moves
    switch (data["revoked_type"]) {
      case "CheckpointAnchored":
        return
      case "SettlementConfirmed": {
        const batch = batchOf(sequence)
        if (batch === undefined) return
        batch.confirmations--
        for (const { account_id: id, settled, amount } of revoked) {
          accountOf(id).confirmed -= BigInt(amount)
          if (settled !== "0") take(heldBy(sequence, id), placesOf(sequence).settled, placesOf(sequence).open)
        }
        return
      }
      case "SettlementDeferred":
      case "SettlementCancelled":
        for (const id of data["reopened_account_ids"] as number[]) {
          batchOf(sequence)?.deferred.delete(String(id))
          take(heldBy(sequence, id), "waiting", placesOf(sequence).open)
        }
        if (data["revoked_type"] === "SettlementCancelled") noteCancelled(sequence, false)
        return
      default:
        if (!moves.delete(String(data["revoked_position"]))) problem("takes back what is not there")
        for (const { account_id: id, settled, amount } of revoked) {
          accountOf(id).pending -= BigInt(amount) - BigInt(settled)
          accountOf(id).confirmed -= BigInt(amount)
        }
    }
  }

  return {
    add,
    result(): FoldedLog {
      const unsettled = new Map<string, { changes: number; amount: bigint }>()
      for (const { accountId, amount, place } of changes.values()) {
        if (place === "netted" || place === "discarded" || place.startsWith("settled")) continue
        const sum = unsettled.get(accountId) ?? { changes: 0, amount: 0n }
        unsettled.set(accountId, { changes: sum.changes + 1, amount: sum.amount + amount })
      }
      return {
        ledgerId,
        events: position,
        accounts,
        batches,
        operations,
        moves,
        changes: changes.size,
        unsettled,
        blockNumberMax,
        problems,
      }
    },
  }
}

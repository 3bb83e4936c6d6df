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
  /** What the chain moved, by account id. */
  moved: ReadonlyMap<string, bigint>
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
  /** Accepted changes that no confirmed batch and no netting has settled. */
  readonly unsettled: number
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

/** Adds an event log up, from its lines alone. What contradicts itself is listed, not thrown: one fault must not hide the next. */
export function createLogFold() {
  const accounts = new Map<string, FoldedAccount>()
  const batches = new Map<string, FoldedBatch>()
  const operations = new Map<string, FoldedOperation>()
  /** By position: where an accepted change is. */
  const changes = new Map<bigint, { accountId: string; amount: bigint; place: string }>()
  const problems: string[] = []
  let ledgerId = ""
  let position = 0n
  let hash = "0".repeat(64)
  let blockNumberMax = 0n

  const problem = (text: string) => {
    if (problems.length < problemsMax) problems.push(`position ${position}: ${text}`)
  }
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
  const heldBy = (sequence: number, accountId: number) => held.get(`${sequence}/${accountId}`) ?? []

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
        record(event)
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
        for (const { account_id: id } of data["accounts"] as Moves)
          take(heldBy(sequence, id), placesOf(sequence).open, "waiting")
        return
      case "ConfirmationRevoked":
        revoke(sequence, data)
        return
      // Moves nobody's money.
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
    if (account.pending < 0n) problem(`takes account ${accountId} below zero`)
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
      moved: new Map(),
    })
  }

  function confirm(sequence: number, data: LogEvent["data"]): void {
    const batch = batches.get(String(sequence))
    if (batch === undefined) {
      problem(`confirms batch ${sequence}, which was never sealed`)
      return
    }
    const moves = data["accounts"] as Moves
    const block = BigInt(data["block_number"] as number)
    if (block > blockNumberMax) blockNumberMax = block
    batch.confirmations++
    batch.transactionHash = data["transaction_hash"] as string
    batch.moved = new Map(moves.map(({ account_id: id, amount }) => [String(id), BigInt(amount)]))
    for (const { account_id: id, settled, amount } of moves) {
      accountOf(id).confirmed += BigInt(amount)
      const { open, settled: place } = placesOf(sequence)
      const sum = take(heldBy(sequence, id), open, place)
      if (sum !== BigInt(settled) || sum !== BigInt(amount))
        problem(`settles ${settled} of account ${id} by ${amount}; the batch held ${sum}`)
    }
  }

  function revoke(sequence: number, data: LogEvent["data"]): void {
    if (data["revoked_type"] === "CheckpointAnchored") return
    const batch = batches.get(String(sequence))
    if (batch === undefined || data["revoked_type"] !== "SettlementConfirmed") {
      problem(`revokes a ${String(data["revoked_type"])}`)
      return
    }
    batch.confirmations--
    for (const { account_id: id, amount } of data["accounts"] as Moves) {
      accountOf(id).confirmed -= BigInt(amount)
      take(heldBy(sequence, id), placesOf(sequence).settled, placesOf(sequence).open)
    }
  }

  return {
    add,
    result(): FoldedLog {
      const unsettled = [...changes.values()].filter(
        ({ place }) => place !== "netted" && !place.startsWith("settled"),
      ).length
      return {
        ledgerId,
        events: position,
        accounts,
        batches,
        operations,
        unsettled,
        blockNumberMax,
        problems,
      }
    },
  }
}

import type { ChainLog, ChainLogOf } from "./chain-log.ts"
import type { NewEvent } from "./events.ts"

/** A batch that was sealed and whose settlement the chain has not confirmed (or not any more). */
export type OpenBatch = {
  readonly ledgerId: string
  readonly batchSequence: bigint
  /** 0x and 64 hex digits. */
  readonly batchId: string
  readonly contentHash: string
  readonly tokenId: number
  /** The one that is called to settle it. What any other says of the batch is not believed. */
  readonly contract: string
  /** Of a token that does not know batches: the other end of each of the batch's transfers. null: a BatchSettled names the batch. */
  readonly counterparty: string | null
  /** It was taken apart before anything was signed for it. */
  readonly isDissolved: boolean
  readonly accounts: readonly {
    readonly accountId: bigint
    readonly address: string
    readonly delta: bigint
    /** Its debit was deferred by an earlier confirmation of this batch and its changes are elsewhere since: the batch no longer settles them. */
    readonly hasLeft: boolean
  }[]
}

export type OwnAccount = { readonly ledgerId: string; readonly accountId: bigint; readonly address: string }

/** What is ours, for one token, read under the heads' locks. */
export type Ownership = {
  readonly tokenId: number
  /** Batches that the token knows, by the number that its logs give them. */
  readonly batchOf: (batchId: string) => OpenBatch | BatchEnd | undefined
  /** Batches that the token does not know, by the transactions that we saved for them: their hashes are all that tells whose these logs are. */
  readonly batchOfTransaction: (transactionHash: string) => OpenBatch | ConfirmedBatch | undefined
  readonly accountOf: (address: string) => OwnAccount | undefined
  /** Whether a transaction is one that we saved, whatever became of it. */
  readonly isOwnTransaction: (transactionHash: string) => boolean
}

/** How a batch has ended, by a log that stands: nothing that the chain says of its id after that is believed. */
type BatchEnd = "confirmed" | "cancelled"

/** A batch whose confirmation stands, by this transaction in this block. */
export type ConfirmedBatch = {
  readonly ledgerId: string
  readonly batchSequence: bigint
  readonly confirmedIn: { readonly transactionHash: string; readonly blockHash: string }
}

type Moves = { readonly accountId: bigint; readonly settled: bigint; readonly amount: bigint }

/** What the logs of one token in whole blocks mean to us. Each says where it was seen, by its log. */
export type Finding =
  | {
      readonly kind: "settled"
      readonly log: ChainLog
      readonly batch: OpenBatch
      readonly moves: readonly Moves[]
    }
  | {
      readonly kind: "deferred"
      readonly log: ChainLog
      readonly batch: OpenBatch
      readonly debits: readonly {
        readonly accountId: bigint
        readonly net: bigint
        readonly chainBalance: bigint
      }[]
    }
  /** Its id is burnt: nothing that was signed for the batch settles it any more. */
  | {
      readonly kind: "cancelled"
      readonly log: ChainLogOf<"BatchCancelled">
      readonly batch: OpenBatch
    }
  | {
      readonly kind: "observed"
      readonly log: ChainLog
      readonly account: OwnAccount
      /** Signed: a deposit above zero, a withdrawal below. */
      readonly amount: bigint
      readonly counterparty: string
    }
  /** Somebody settled on our token what we never sealed, or what the chain has taken out of use: nothing is credited. */
  | { readonly kind: "unknown_batch"; readonly log: ChainLog; readonly batchId: string }
  /** Our own transaction moved something else than its batch, or its logs do not tell what: nothing is credited. */
  | { readonly kind: "altered_batch"; readonly log: ChainLog; readonly batch: OpenBatch }
  /** Two transactions of a batch were mined, whatever was done to keep that from happening: the second one is credited to nobody. */
  | { readonly kind: "settled_twice"; readonly log: ChainLog; readonly batch: ConfirmedBatch }
  | {
      readonly kind: "anchored"
      readonly log: ChainLogOf<"CheckpointAnchored">
      readonly ledgerId: string
    }
  /** Somebody anchored for a ledger of ours a root that we never signed: nothing is believed. */
  | {
      readonly kind: "foreign_anchor"
      readonly log: ChainLogOf<"CheckpointAnchored">
      readonly ledgerId: string
      /** What we signed for that tree size; null: nothing. */
      readonly signedRoot: string | null
    }

/** A finding that becomes an event. */
export type Recordable = Exclude<
  Finding,
  { readonly kind: "unknown_batch" | "altered_batch" | "settled_twice" | "foreign_anchor" }
>

/**
 * Reads the logs of one token, in their order, and says what each means. Transfers of a transaction that carries a BatchSettled, or that we sent ourselves, are
 * explained by their batch; any other transfer that has one of our addresses at an end is a deposit or a withdrawal.
 */
export function decideConfirmations(logs: readonly ChainLog[], ownership: Ownership): Finding[] {
  const settledHere = new Map<string, ConfirmedBatch>()
  // A token of somebody else's may say of an id twice what can be once only. It must not be able to stop the confirmations of all others.
  const endedHere = new Map<string, BatchEnd>()
  const known = { ...ownership, batchOf: (id: string) => endedHere.get(id) ?? ownership.batchOf(id) }
  return [...groupByTransaction(logs).values()].flatMap((transaction) => {
    const [first] = transaction
    const batch = first === undefined ? undefined : ownership.batchOfTransaction(first.transactionHash)
    if (first !== undefined && batch !== undefined) {
      const { ledgerId, batchSequence } = batch
      const key = `${ledgerId}:${batchSequence}`
      const findings = decideTransfers(first, transaction, settledHere.get(key) ?? batch)
      const { transactionHash, blockHash } = first
      if (findings.some(({ kind }) => kind === "settled"))
        settledHere.set(key, { ledgerId, batchSequence, confirmedIn: { transactionHash, blockHash } })
      return findings
    }
    return [
      ...(transaction.some(({ kind }) => kind === "BatchSettled")
        ? decideSettlements(transaction, known, endedHere)
        : decideObservations(transaction, known)),
      ...decideCancellations(transaction, known, endedHere),
    ]
  })
}

/** The token takes each id once: what is cancelled was not settled on this chain, and never will be. Ids that are not ours, or were never sent, are nobody's loss. */
function decideCancellations(
  transaction: readonly ChainLog[],
  ownership: Ownership,
  ended: Map<string, BatchEnd>,
): Finding[] {
  return transaction.flatMap((log) => {
    if (log.kind !== "BatchCancelled") return []
    const batchId = batchIdHex(log.args.batchId)
    const batch = ownership.batchOf(batchId)
    if (batch === undefined || typeof batch === "string" || batch.isDissolved) return []
    if (batch.tokenId !== ownership.tokenId || batch.contract !== log.address) return []
    ended.set(batchId, "cancelled")
    return [{ kind: "cancelled" as const, log, batch }]
  })
}

function groupByTransaction(logs: readonly ChainLog[]): Map<string, ChainLog[]> {
  const transactions = new Map<string, ChainLog[]>()
  for (const log of logs) {
    // The block is part of the key: a transaction that was mined again after a reorg is seen once in each block.
    const key = `${log.blockHash}:${log.transactionHash}`
    const known = transactions.get(key)
    if (known === undefined) transactions.set(key, [log])
    else known.push(log)
  }
  return transactions
}

/** The logs of one of our own transactions, on a token that does not know batches: what they move is the batch to the last unit, or it is not believed. */
function decideTransfers(
  first: ChainLog,
  transaction: readonly ChainLog[],
  batch: OpenBatch | ConfirmedBatch,
): Finding[] {
  if ("confirmedIn" in batch) {
    const { transactionHash, blockHash } = batch.confirmedIn
    const isSame = transactionHash === first.transactionHash && blockHash === first.blockHash
    return isSame ? [] : [{ kind: "settled_twice", log: first, batch }]
  }
  const expected = new Map(batch.accounts.map(({ address, delta }) => [address, delta]))
  for (const log of transaction) {
    // A token may have events of its own; those of other kinds that we know are of one that knows batches.
    if (log.kind !== "Transfer") return [{ kind: "altered_batch", log, batch }]
    const { from, to, value } = log.args
    const isCredit = from === batch.counterparty
    const address = isCredit ? to : from
    const left = expected.get(address)
    if (left !== (isCredit ? value : -value) || (isCredit ? from : to) !== batch.counterparty)
      return [{ kind: "altered_batch", log, batch }]
    expected.delete(address)
  }
  if (expected.size > 0) return [{ kind: "altered_batch", log: first, batch }]
  const moves = batch.accounts.map(({ accountId, delta, hasLeft }) => ({
    accountId,
    settled: hasLeft ? 0n : delta,
    amount: delta,
  }))
  return [{ kind: "settled", log: first, batch, moves }]
}

/** One transaction may settle several batches: the logs of each stand right before its BatchSettled. */
function decideSettlements(
  transaction: readonly ChainLog[],
  ownership: Ownership,
  ended: Map<string, BatchEnd>,
): Finding[] {
  const findings: Finding[] = []
  let segment: ChainLog[] = []
  for (const log of transaction) {
    if (log.kind !== "BatchSettled") {
      segment.push(log)
      continue
    }
    const decided = decideBatch(log, segment, ownership)
    for (const finding of decided)
      if (finding.kind === "settled") ended.set(finding.batch.batchId, "confirmed")
    findings.push(...decided)
    segment = []
  }
  return findings
}

function decideBatch(
  log: ChainLogOf<"BatchSettled">,
  segment: readonly ChainLog[],
  ownership: Ownership,
): Finding[] {
  const batchId = batchIdHex(log.args.batchId)
  const batch = ownership.batchOf(batchId)
  if (batch === "confirmed") return []
  if (
    batch === undefined ||
    batch === "cancelled" ||
    batch.contentHash !== log.args.contentHash ||
    batch.tokenId !== ownership.tokenId ||
    batch.contract !== log.address
  ) {
    return [{ kind: "unknown_batch", log, batchId }]
  }
  const moved = new Map<string, bigint>()
  const skipped = new Map<string, ChainLogOf<"DebitSkipped">>()
  for (const entry of segment) {
    if (entry.kind === "Transfer") {
      moved.set(entry.args.from, (moved.get(entry.args.from) ?? 0n) - entry.args.value)
      moved.set(entry.args.to, (moved.get(entry.args.to) ?? 0n) + entry.args.value)
    } else if (entry.kind === "DebitSkipped" && entry.address === log.address) {
      skipped.set(entry.args.account, entry)
    }
  }
  // What no log tells of an account is not known. Taken for nothing, its change would be gone from the ledger though the chain has it.
  const isTold = ({ address, hasLeft }: OpenBatch["accounts"][number]) =>
    hasLeft || skipped.has(address) || moved.has(address)
  if (!batch.accounts.every(isTold)) return [{ kind: "altered_batch", log, batch }]
  const moves = batch.accounts
    .filter(({ address, hasLeft }) => !skipped.has(address) && (!hasLeft || moved.has(address)))
    .map(({ accountId, address, delta, hasLeft }) => ({
      accountId,
      settled: hasLeft ? 0n : delta,
      amount: moved.get(address) ?? 0n,
    }))
  const debits = batch.accounts.flatMap(({ accountId, address, delta, hasLeft }) => {
    const report = skipped.get(address)
    return report === undefined || hasLeft
      ? []
      : [{ accountId, net: delta, chainBalance: report.args.balance }]
  })
  const [firstSkipped] = skipped.values()
  return [
    { kind: "settled", log, batch, moves },
    ...(firstSkipped === undefined || debits.length === 0
      ? []
      : [{ kind: "deferred" as const, log: firstSkipped, batch, debits }]),
  ]
}

function decideObservations(transaction: readonly ChainLog[], ownership: Ownership): Finding[] {
  return transaction.flatMap((log) => {
    if (log.kind !== "Transfer" || ownership.isOwnTransaction(log.transactionHash)) return []
    return observeTransfer(log, ownership.accountOf)
  })
}

/** A transfer that no batch explains, seen from each of its ends that is ours. */
export function observeTransfer(log: ChainLogOf<"Transfer">, accountOf: Ownership["accountOf"]): Finding[] {
  const { from, to, value } = log.args
  if (value === 0n || from === to) return []
  const sender = accountOf(from)
  const receiver = accountOf(to)
  return [
    ...(sender === undefined
      ? []
      : [{ kind: "observed" as const, log, account: sender, amount: -value, counterparty: to }]),
    ...(receiver === undefined
      ? []
      : [{ kind: "observed" as const, log, account: receiver, amount: value, counterparty: from }]),
  ]
}

/** The event of a finding. `balanceAfter` is the account's pending balance right after it (observations only). */
export function eventOfFinding(
  finding: Recordable,
  balanceAfter: (accountId: bigint, amount: bigint) => bigint,
): NewEvent {
  const { log } = finding
  const reference = {
    chain_id: log.chainId,
    block_number: Number(log.blockNumber),
    block_hash: log.blockHash,
    log_index: log.logIndex,
    transaction_hash: log.transactionHash,
  }
  const common = {
    operation: null,
    details: null,
    occurredAt: new Date(log.blockTime * 1_000),
    causation: `log:${log.chainId}:${log.blockHash}:${log.logIndex}`,
  }
  switch (finding.kind) {
    case "settled":
      return {
        ...common,
        type: "SettlementConfirmed",
        account: null,
        data: {
          ...reference,
          batch_sequence: Number(finding.batch.batchSequence),
          batch_id: finding.batch.batchId,
          accounts: finding.moves.map((move) => ({
            account_id: Number(move.accountId),
            settled: move.settled.toString(),
            amount: move.amount.toString(),
          })),
        },
      }
    case "deferred":
      return {
        ...common,
        type: "SettlementDeferred",
        account: null,
        data: {
          ...reference,
          batch_sequence: Number(finding.batch.batchSequence),
          accounts: finding.debits.map((debit) => ({
            account_id: Number(debit.accountId),
            net: debit.net.toString(),
            chain_balance: debit.chainBalance.toString(),
          })),
        },
      }
    case "cancelled":
      return {
        ...common,
        type: "SettlementCancelled",
        account: null,
        data: {
          ...reference,
          batch_sequence: Number(finding.batch.batchSequence),
          batch_id: finding.batch.batchId,
          accounts: finding.batch.accounts
            .filter(({ hasLeft }) => !hasLeft)
            .map(({ accountId, delta }) => ({ account_id: Number(accountId), net: delta.toString() })),
        },
      }
    case "observed": {
      const { accountId } = finding.account
      return {
        ...common,
        type: finding.amount > 0n ? "DepositObserved" : "WithdrawalObserved",
        account: { accountId, amount: finding.amount, balanceAfter: balanceAfter(accountId, finding.amount) },
        data: { ...reference, counterparty: finding.counterparty },
      }
    }
    case "anchored": {
      const { address, args } = finding.log
      return {
        ...common,
        type: "CheckpointAnchored",
        account: null,
        data: { ...reference, tree_size: Number(args.treeSize), root: args.root, anchor: address },
      }
    }
  }
}

export function batchIdHex(batchId: bigint): string {
  return `0x${batchId.toString(16).padStart(64, "0")}`
}

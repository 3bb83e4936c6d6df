import { type Hex, keccak256 } from "viem"
import { batchIdOf, encodeDeltas } from "../../ledger/domain/packed-deltas.ts"
import { type CopyRows, emptyRows, pushRow } from "./copy-rows.ts"
import {
  appendSeedEvent,
  beginCommit,
  type SeedAccount,
  type SeedChange,
  type SeedLog,
} from "./seed-generator.ts"

export type SeedSettlement = {
  readonly rows: Record<"items" | "batches" | "batchAccounts" | "history" | "confirmations", CopyRows>
  readonly waiting: SeedChange[]
  batchCount: number
}

export function startSeedSettlement(): SeedSettlement {
  return {
    rows: {
      items: emptyRows(),
      batches: emptyRows(),
      batchAccounts: emptyRows(),
      history: emptyRows(),
      confirmations: emptyRows(),
    },
    waiting: [],
    batchCount: 0,
  }
}

/** Writes the rows of changes that the batcher has taken in, and nobody has sealed. */
export function leaveWaiting(log: SeedLog, settlement: SeedSettlement): void {
  for (const change of settlement.waiting) pushItem(log, settlement, change, "waiting", null)
  settlement.waiting.length = 0
}

type Group = { readonly account: SeedAccount; readonly changes: readonly SeedChange[]; readonly net: bigint }

/** Seals every change that waits into one batch, netting what adds up to zero, and has the chain confirm it at once. */
export function settleWaiting(log: SeedLog, settlement: SeedSettlement): void {
  const groups = [...Map.groupBy(settlement.waiting, ({ account }) => account)].map(
    ([account, changes]): Group => ({
      account,
      changes,
      net: changes.reduce((sum, { amount }) => sum + amount, 0n),
    }),
  )
  settlement.waiting.length = 0
  beginCommit(log)
  const zeros = groups.filter(({ net }) => net === 0n)
  if (zeros.length > 0) netZeros(log, settlement, zeros)
  const nets = groups.filter(({ net }) => net !== 0n)
  if (nets.length > 0) settle(log, settlement, nets)
}

function netZeros(log: SeedLog, settlement: SeedSettlement, zeros: readonly Group[]): void {
  append(log, "SettlementNetted", "batch:netting", {
    accounts: zeros.map(({ account, changes }) => ({
      account_id: account.accountId,
      positions: changes.map(({ position }) => position),
    })),
  })
  for (const change of zeros.flatMap(({ changes }) => changes))
    pushItem(log, settlement, change, "netted", null)
}

function settle(log: SeedLog, settlement: SeedSettlement, nets: readonly Group[]): void {
  const { ledgerId, token } = log.plan
  settlement.batchCount += 1
  const sequence = settlement.batchCount
  const batchId = batchIdOf(ledgerId, BigInt(sequence))
  const deltas = encodeDeltas(
    nets.map(({ account, net }) => ({ address: account.address as Hex, amount: net })),
  )
  const contentHash = keccak256(deltas)
  const sealedPosition = append(log, "SettlementSealed", `batch:${sequence}`, {
    batch_sequence: sequence,
    batch_id: batchId,
    content_hash: contentHash,
    chain_id: token.chainId,
    token_address: token.tokenAddress,
    trigger: "size",
    accounts: nets.map(({ account, net, changes }) => ({
      account_id: account.accountId,
      net: net.toString(),
      positions: changes.map(({ position }) => position),
    })),
  })
  const sealedAt = log.head.atText
  const block = confirm(log, settlement, sequence, batchId, nets)
  const changes = nets.reduce((sum, group) => sum + group.changes.length, 0)
  pushRow(settlement.rows.batches, [
    ...[ledgerId, sequence, token.tokenId, batchId, contentHash, Buffer.from(deltas.slice(2), "hex")],
    ...["size", "seed", nets.length, nets.length, changes],
    ...["confirmed", sealedPosition, block.transactionHash, block.number, block.hash],
    ...[sealedAt, sealedAt, log.head.atText],
  ])
}

function confirm(
  log: SeedLog,
  settlement: SeedSettlement,
  sequence: number,
  batchId: string,
  nets: readonly Group[],
): Block {
  const { ledgerId, token } = log.plan
  const block = blockOf(sequence)
  beginCommit(log)
  const position = append(log, "SettlementConfirmed", `log:${token.chainId}:${block.hash}:0`, {
    chain_id: token.chainId,
    block_number: block.number,
    block_hash: block.hash,
    log_index: 0,
    transaction_hash: block.transactionHash,
    batch_sequence: sequence,
    batch_id: batchId,
    accounts: nets.map(({ account, net }) => ({
      account_id: account.accountId,
      settled: net.toString(),
      amount: net.toString(),
    })),
  })
  const { rows } = settlement
  for (const { account, changes, net } of nets) {
    account.confirmed += net
    account.position = position
    account.changedAt = log.head.atText
    account.confirmedAt = log.head.atText
    pushRow(rows.history, [ledgerId, account.accountId, position, account.pending, account.confirmed, 0])
    pushRow(rows.batchAccounts, [ledgerId, sequence, account.accountId, net, "settled"])
    for (const change of changes) pushItem(log, settlement, change, "settled", sequence)
  }
  const chain = [token.chainId, block.number, block.hash, 0]
  pushRow(rows.confirmations, [ledgerId, position, ...chain, null, sequence, null])
  return block
}

function append(log: SeedLog, type: string, causation: string, data: unknown): number {
  return appendSeedEvent(log, {
    type,
    operationId: null,
    sequence: null,
    accountId: null,
    amount: null,
    balanceAfter: null,
    causation,
    dataJson: JSON.stringify(data),
    detailsJson: null,
  })
}

function pushItem(
  { plan }: SeedLog,
  { rows }: SeedSettlement,
  { position, account, amount, priority, recordedAt }: SeedChange,
  state: "waiting" | "netted" | "settled",
  sequence: number | null,
): void {
  pushRow(rows.items, [
    ...[plan.ledgerId, position, account.accountId, plan.token.tokenId, amount, priority, "false"],
    ...[recordedAt, recordedAt, state, sequence],
  ])
}

type Block = { readonly number: number; readonly hash: Hex; readonly transactionHash: Hex }

/** A block for each batch. */
function blockOf(sequence: number): Block {
  const digits = sequence.toString(16).padStart(60, "0")
  return { number: sequence, hash: `0xb10c${digits}`, transactionHash: `0x7a00${digits}` }
}

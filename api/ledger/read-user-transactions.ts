import { indexerProgress } from "../../ledger/confirmations/indexer-progress.ts"
import { findPosition, readHeadPoint } from "../../ledger/store/find-position.ts"
import {
  presentChainTransfer,
  presentLedgerTransaction,
  type UserTransaction,
} from "../presenters/user-transaction.ts"
import { type LogPlace, readChainTransfers, timeOf } from "../queries/chain-transfers.ts"
import type { ChangeStatus } from "../queries/changes.ts"
import { readHistory } from "../queries/history.ts"
import { type Refusal, refuse } from "../refusal.ts"
import type { RegisteredToken, RegistrySnapshot } from "../registry/registry-snapshot.ts"
import type { Services } from "../services.ts"
import { encodePageKey, type PageKey } from "../validation/page-key.ts"
import { mergeStreams, placeAfter, type Stream } from "./merge-streams.ts"

type Account = {
  readonly account_id: bigint
  readonly token_id: number
  readonly address: string
  readonly token: RegisteredToken
}

export type UserTransactionsQuery = {
  readonly ledgerId: string
  readonly registry: RegistrySnapshot
  readonly accounts: readonly Account[]
  readonly status: ChangeStatus | undefined
  readonly from: Date | undefined
  readonly to: Date | undefined
  readonly withSettlements: boolean
  readonly withLogs: boolean
  readonly limit: number
  /** Of the previous page; a list that begins has none. */
  readonly key: PageKey | undefined
}

/**
 * A page of what the ledger and the chains have of a user. A list keeps to what both had when it was begun: what is recorded of a transfer afterwards leaves it in the list, as the transfer,
 * so that nothing is missed or shown twice.
 */
export async function readUserTransactions(services: Services, query: UserTransactionsQuery) {
  const { limit } = query
  const key = query.key ?? (await beginList(services, query))
  const [ledger, ...chains] = await Promise.all([
    readLedgerRows(services, query, key),
    ...[...key.chains].map(([chainId, below]) => readChainRows(services, query, key, chainId, below)),
  ])
  const streams: Stream<UserTransaction, LogPlace>[] = []
  for (const chain of chains) {
    if ("refused" in chain) return chain
    streams.push(chain)
  }
  const { rows, counts, hasMore } = mergeStreams([ledger, ...streams], limit)
  const [ledgerCount = 0, ...chainCounts] = counts
  const places = [...key.chains.keys()].map((chainId, index): [bigint, LogPlace] => {
    const stream = streams[index]
    return [
      chainId,
      stream === undefined ? { blockNumber: 0n, logIndex: 0 } : placeAfter(stream, chainCounts[index] ?? 0),
    ]
  })
  const next = {
    throughPosition: key.throughPosition,
    belowPosition: placeAfter(ledger, ledgerCount),
    chains: new Map(places),
  }
  return {
    transactions: rows,
    hasChains: key.chains.size > 0,
    pageKey: hasMore ? encodePageKey(next) : null,
  }
}

async function beginList({ db }: Services, { ledgerId, accounts }: UserTransactionsQuery): Promise<PageKey> {
  const { position } = await readHeadPoint(db, ledgerId)
  const chains = new Map<bigint, LogPlace>()
  for (const chainId of new Set(accounts.map(({ token }) => token.chain.chainId))) {
    const progress = await indexerProgress(db, Number(chainId))
    if (progress !== null && "blockNumber" in progress)
      chains.set(chainId, { blockNumber: progress.blockNumber + 1n, logIndex: 0 })
  }
  return { throughPosition: position, belowPosition: position + 1n, chains }
}

async function readLedgerRows(
  services: Services,
  query: UserTransactionsQuery,
  key: PageKey,
): Promise<Stream<UserTransaction, bigint>> {
  const { ledgerId, registry, accounts, status, from, to } = query
  const { rows, continueAt } = await readHistory(
    services.reads,
    ledgerId,
    accounts.map(({ account_id }) => account_id),
    { status, from, to },
    key.belowPosition,
    query.limit + 1,
  )
  return {
    begun: key.belowPosition,
    entries: rows.map((row) => ({
      time: row.recorded_at.getTime(),
      place: row.position,
      row: presentLedgerTransaction(registry, ledgerId, row, headOf(services, registry, row.token_id)),
    })),
    floor:
      continueAt === null ? null : { place: continueAt, time: await timeAt(services, ledgerId, continueAt) },
  }
}

async function timeAt({ reads }: Services, ledgerId: string, position: bigint): Promise<number> {
  const point = await findPosition(reads, ledgerId, { position }, new Date())
  return "refused" in point ? 0 : (point.recordedAt?.getTime() ?? 0)
}

async function readChainRows(
  services: Services,
  query: UserTransactionsQuery,
  key: PageKey,
  chainId: bigint,
  below: LogPlace,
): Promise<Stream<UserTransaction, LogPlace> | Refusal> {
  const { registry, status, withSettlements, withLogs, from, to } = query
  const accounts = query.accounts.flatMap(({ token_id, address, token }) =>
    token.chain.chainId === chainId ? [{ token_id, address, token: token.address }] : [],
  )
  const hasStatus = status === undefined || status === "submitted" || status === "confirmed"
  if (accounts.length === 0 || !hasStatus) return { begun: below, entries: [], floor: null }
  const found = await readChainTransfers(
    services.db,
    {
      ledgerId: query.ledgerId,
      chainId,
      accounts,
      below,
      throughPosition: key.throughPosition,
      withSettlements,
      status,
      from,
      to,
    },
    query.limit + 1,
  )
  if ("unavailable" in found) {
    return refuse(
      "CHAIN_UNAVAILABLE",
      "page_key",
      `${found.unavailable}; ask for the same page again in a moment`,
      { "retry-after": "1" },
    )
  }
  const { rows, floor } = found
  return {
    begun: below,
    entries: rows.map((row) => ({
      time: timeOf(row.block_time).getTime(),
      place: { blockNumber: row.block_number, logIndex: row.log_index },
      row: presentChainTransfer(registry, row, headOf(services, registry, row.token_id), withLogs),
    })),
    floor: floor === null ? null : { place: floor, time: floor.time.getTime() },
  }
}

function headOf(services: Services, registry: RegistrySnapshot, tokenId: number): bigint | null {
  const chain = registry.tokens.get(tokenId)?.chain
  return chain === undefined ? null : (services.chains.progressOf(chain.chainId)?.headBlock ?? null)
}

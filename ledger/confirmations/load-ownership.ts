import { sql, type Transaction } from "kysely"
import type { ChainLog } from "../domain/chain-log.ts"
import {
  batchIdHex,
  type OpenBatch,
  type OwnAccount,
  type Ownership,
} from "../domain/decide-confirmations.ts"
import type { Database } from "../store/database.ts"

type Wanted = {
  readonly addresses: readonly string[]
  readonly batchIds: readonly string[]
  readonly transactionHashes: readonly string[]
}

/** The ledgers that these logs of one token may concern, in the order in which their heads are locked. */
export async function ledgersOf(
  trx: Transaction<Database>,
  tokenIds: readonly number[],
  logs: readonly ChainLog[],
): Promise<string[]> {
  const { addresses, batchIds } = wantedBy(logs)
  const { rows } = await sql<{ ledger_id: string }>`
    SELECT ledger_id FROM ledger.accounts WHERE token_id = ANY(${tokenIds}::integer[]) AND address = ANY(${addresses}::text[])
    UNION SELECT ledger_id FROM settlement.batches WHERE batch_id = ANY(${batchIds}::text[])
    ORDER BY ledger_id`.execute(trx)
  return rows.map((row) => row.ledger_id)
}

/**
 * What of these logs is ours, as far as the ledgers whose heads are locked are concerned. An account that another ledger opens at this very moment is not
 * among them: its logs are filled in by `confirmLateAccounts`.
 */
export async function loadOwnership(
  trx: Transaction<Database>,
  tokenId: number,
  chainId: number,
  ledgerIds: readonly string[],
  logs: readonly ChainLog[],
): Promise<Ownership> {
  const wanted = wantedBy(logs)
  const accounts = await loadAccounts(trx, tokenId, ledgerIds, wanted)
  const batches = await loadBatches(trx, wanted)
  const { rows: own } = await sql<{ hash: string }>`
    SELECT hash FROM settlement.transactions
    WHERE chain_id = ${chainId} AND hash = ANY(${wanted.transactionHashes}::text[])`.execute(trx)
  const ownHashes = new Set(own.map((row) => row.hash))
  return {
    tokenId,
    batchOf: (batchId) => batches.get(batchId),
    accountOf: (address) => accounts.get(address),
    isOwnTransaction: (hash) => ownHashes.has(hash),
  }
}

function wantedBy(logs: readonly ChainLog[]): Wanted {
  const addresses = new Set<string>()
  const batchIds = new Set<string>()
  for (const log of logs) {
    if (log.kind === "Transfer") addresses.add(log.args.from).add(log.args.to)
    if (log.kind === "BatchSettled") batchIds.add(batchIdHex(log.args.batchId))
  }
  return {
    addresses: [...addresses],
    batchIds: [...batchIds],
    transactionHashes: [...new Set(logs.map((log) => log.transactionHash))],
  }
}

async function loadAccounts(
  trx: Transaction<Database>,
  tokenId: number,
  ledgerIds: readonly string[],
  wanted: Wanted,
): Promise<Map<string, OwnAccount>> {
  const { rows } = await sql<{ ledger_id: string; account_id: bigint; address: string }>`
    SELECT ledger_id, account_id, address FROM ledger.accounts
    WHERE token_id = ${tokenId} AND address = ANY(${wanted.addresses}::text[]) AND ledger_id = ANY(${ledgerIds}::uuid[])`.execute(
    trx,
  )
  return new Map(
    rows.map((row) => [
      row.address,
      { ledgerId: row.ledger_id, accountId: row.account_id, address: row.address },
    ]),
  )
}

async function loadBatches(
  trx: Transaction<Database>,
  wanted: Wanted,
): Promise<Map<string, OpenBatch | "confirmed">> {
  const { rows } = await sql<{
    ledger_id: string
    batch_sequence: bigint
    batch_id: string
    content_hash: string
    token_id: number
    state: string
    account_id: bigint
    address: string
    delta: bigint
    account_state: string
  }>`
    SELECT b.ledger_id, b.batch_sequence, b.batch_id, b.content_hash, b.token_id, b.state, a.account_id, o.address, a.delta,
      a.state AS account_state
    FROM settlement.batches b
    JOIN settlement.batch_accounts a ON a.ledger_id = b.ledger_id AND a.batch_sequence = b.batch_sequence
    JOIN ledger.accounts o ON o.ledger_id = a.ledger_id AND o.account_id = a.account_id
    WHERE b.batch_id = ANY(${wanted.batchIds}::text[])
    ORDER BY b.ledger_id, b.batch_sequence, a.account_id`.execute(trx)
  const batches = new Map<string, OpenBatch | "confirmed">()
  const accountsOf = new Map<string, OpenBatch["accounts"][number][]>()
  for (const row of rows) {
    if (row.state === "confirmed") {
      batches.set(row.batch_id, "confirmed")
      continue
    }
    const accounts = accountsOf.get(row.batch_id) ?? []
    accountsOf.set(row.batch_id, accounts)
    accounts.push({
      accountId: row.account_id,
      address: row.address,
      delta: row.delta,
      hasLeft: row.account_state === "deferred",
    })
    batches.set(row.batch_id, {
      ledgerId: row.ledger_id,
      batchSequence: row.batch_sequence,
      batchId: row.batch_id,
      contentHash: row.content_hash,
      tokenId: row.token_id,
      accounts,
    })
  }
  return batches
}

import { type Kysely, type RawBuilder, sql, type Transaction } from "kysely"
import { type BatchCall, batchCalls, unguardedCalls, zeroAddress } from "../domain/batch-calls.ts"
import type { ChainLog } from "../domain/chain-log.ts"
import {
  batchIdHex,
  type ConfirmedBatch,
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
  chainId: number,
  tokenIds: readonly number[],
  logs: readonly ChainLog[],
): Promise<string[]> {
  const { addresses, batchIds, transactionHashes } = wantedBy(logs)
  const { rows } = await sql<{ ledger_id: string }>`
    SELECT ledger_id FROM ledger.accounts WHERE token_id = ANY(${tokenIds}::integer[]) AND address = ANY(${addresses}::text[])
    UNION SELECT ledger_id FROM settlement.batches WHERE batch_id = ANY(${batchIds}::text[])
    UNION SELECT ledger_id FROM settlement.transactions WHERE chain_id = ${chainId} AND hash = ANY(${transactionHashes}::text[])
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
  const batches = await loadBatches(
    trx,
    sql`SELECT NULL AS transaction_hash, b.* FROM settlement.batches b
      WHERE b.batch_id = ANY(${wanted.batchIds}::text[]) AND b.batch_call <> ALL(${unguardedCalls}::text[])`,
  )
  const byTransaction = await loadBatches(
    trx,
    // What goes to the signer itself is a transaction that does nothing.
    sql`SELECT x.hash AS transaction_hash, b.* FROM settlement.transactions x
      JOIN settlement.batches b ON b.ledger_id = x.ledger_id AND b.batch_sequence = x.batch_sequence
      WHERE x.chain_id = ${chainId} AND x.hash = ANY(${wanted.transactionHashes}::text[]) AND x.target <> x.signer
        AND b.token_id = ${tokenId} AND b.batch_call = ANY(${unguardedCalls}::text[])`,
  )
  const { rows: own } = await sql<{ hash: string }>`
    SELECT hash FROM settlement.transactions
    WHERE chain_id = ${chainId} AND hash = ANY(${wanted.transactionHashes}::text[])`.execute(trx)
  const ownHashes = new Set(own.map((row) => row.hash))
  return {
    tokenId,
    batchOf(batchId) {
      const batch = batches.get(batchId)
      return typeof batch === "object" && "confirmedIn" in batch ? "confirmed" : batch
    },
    batchOfTransaction(hash) {
      const batch = byTransaction.get(hash)
      return batch === "cancelled" ? undefined : batch
    },
    accountOf: (address) => accounts.get(address),
    isOwnTransaction: (hash) => ownHashes.has(hash),
  }
}

/** Which token each of these batches is of, by `batch_id`. Those that nobody here sealed are left out. */
export async function loadTokensOfBatches(
  db: Kysely<Database>,
  batchIds: readonly string[],
): Promise<Map<string, number>> {
  if (batchIds.length === 0) return new Map()
  const { rows } = await sql<{ batch_id: string; token_id: number }>`
    SELECT batch_id, token_id FROM settlement.batches WHERE batch_id = ANY(${batchIds}::text[])`.execute(db)
  return new Map(rows.map((row) => [row.batch_id, row.token_id]))
}

export function wantedBy(logs: readonly ChainLog[]): Wanted {
  const addresses = new Set<string>()
  const batchIds = new Set<string>()
  for (const log of logs) {
    if (log.kind === "Transfer") addresses.add(log.args.from).add(log.args.to)
    if (log.kind === "BatchSettled" || log.kind === "BatchCancelled")
      batchIds.add(batchIdHex(log.args.batchId))
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

/** @param of rows of settlement.batches with the hash of a transaction of theirs; null where they are known by their own id */
async function loadBatches(
  trx: Transaction<Database>,
  of: RawBuilder<unknown>,
): Promise<Map<string, OpenBatch | ConfirmedBatch | "cancelled">> {
  const { rows } = await sql<{
    transaction_hash: string | null
    ledger_id: string
    batch_sequence: bigint
    batch_id: string
    batch_call: BatchCall
    content_hash: string
    token_id: number
    contract: string
    state: string
    tx_hash: string | null
    block_hash: string | null
    is_dissolved: boolean
    account_id: bigint
    address: string
    delta: bigint
    account_state: string
  }>`
    SELECT b.transaction_hash, b.ledger_id, b.batch_sequence, b.batch_id, b.batch_call, b.content_hash, b.token_id, b.state, b.tx_hash, b.block_hash,
      CASE b.batch_call WHEN 'treasury_settle' THEN t.treasury ELSE t.token_address END AS contract, b.dissolved_position IS NOT NULL AS is_dissolved, a.account_id, o.address, a.delta, a.state AS account_state
    FROM (${of}) AS b
    JOIN registry.tokens t ON t.token_id = b.token_id
    JOIN settlement.batch_accounts a ON a.ledger_id = b.ledger_id AND a.batch_sequence = b.batch_sequence
    JOIN ledger.accounts o ON o.ledger_id = a.ledger_id AND o.account_id = a.account_id
    ORDER BY b.ledger_id, b.batch_sequence, b.transaction_hash, a.account_id`.execute(trx)
  const batches = new Map<string, OpenBatch | ConfirmedBatch | "cancelled">()
  const accountsOf = new Map<string, OpenBatch["accounts"][number][]>()
  for (const row of rows) {
    const key = row.transaction_hash ?? row.batch_id
    const common = { ledgerId: row.ledger_id, batchSequence: row.batch_sequence }
    if (row.state === "confirmed") {
      const confirmedIn = { transactionHash: row.tx_hash ?? "", blockHash: row.block_hash ?? "" }
      batches.set(key, { ...common, confirmedIn })
      continue
    }
    if (row.state === "cancelled") {
      batches.set(key, "cancelled")
      continue
    }
    const accounts = accountsOf.get(key) ?? []
    accountsOf.set(key, accounts)
    accounts.push({
      accountId: row.account_id,
      address: row.address,
      delta: row.delta,
      hasLeft: row.account_state === "deferred",
    })
    batches.set(key, {
      ...common,
      batchId: row.batch_id,
      contentHash: row.content_hash,
      tokenId: row.token_id,
      contract: row.contract,
      counterparty: batchCalls[row.batch_call].isGuarded ? null : zeroAddress,
      isDissolved: row.is_dissolved,
      accounts,
    })
  }
  return batches
}

import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { SignerKey } from "./leases.ts"

/** Wei. */
export type SignerSpending = {
  /** What one of the last batches cost on average; null before the first. */
  readonly feePerBatch: bigint | null
  /** The most that one of them could have cost: what a node asks for before it takes a transaction. */
  readonly reserveMax: bigint | null
  /** The same of everything that is signed and not mined. */
  readonly reserved: bigint
}

const batchesLooked = 20

/** @param latestCount the signer's transactions in the newest block: nonces from there on are not mined */
export async function readSignerSpending(
  db: Kysely<Database>,
  { chainId, address }: SignerKey,
  latestCount: bigint,
): Promise<SignerSpending> {
  const { rows } = await sql<{ fee: bigint | null; reserve: bigint | null; reserved: bigint }>`
    SELECT div(sum(l.gas_used * l.effective_gas_price), greatest(count(*), 1)) AS fee, max(l.reserve) AS reserve,
      (SELECT coalesce(sum(reserve), 0) FROM (
        SELECT max(gas_limit * max_fee_per_gas) AS reserve FROM settlement.transactions
        WHERE chain_id = ${chainId} AND signer = ${address} AND nonce >= ${latestCount} GROUP BY nonce) AS unmined) AS reserved
    FROM (
      SELECT b.gas_used, b.effective_gas_price, x.gas_limit * x.max_fee_per_gas AS reserve
      FROM settlement.transactions x
      JOIN settlement.batches b ON b.ledger_id = x.ledger_id AND b.batch_sequence = x.batch_sequence AND b.tx_hash = x.hash
      WHERE x.chain_id = ${chainId} AND x.signer = ${address} AND x.nonce < ${latestCount} AND b.gas_used IS NOT NULL
      ORDER BY x.nonce DESC LIMIT ${batchesLooked}) AS l`.execute(db)
  const [row] = rows
  return {
    feePerBatch: row?.fee ?? null,
    reserveMax: row?.reserve ?? null,
    reserved: row?.reserved ?? 0n,
  }
}

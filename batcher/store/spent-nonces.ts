import { type Kysely, sql, type Transaction } from "kysely"
import type { Hex } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import type { BatchKey } from "./call-key.ts"
import type { Desk } from "./call-moves.ts"
import { requireSigner, type SignerKey } from "./leases.ts"

/** The transaction that used a nonce up for good: the call of its batch was not made by it, and never will be. */
export type SpentProof = {
  readonly hash: Hex
  readonly blockNumber: bigint
  readonly blockHash: Hex
}

/** A nonce under which a call was signed. */
export type SignedNonce = {
  readonly signer: Hex
  readonly nonce: bigint
  /** The call, as its bytes have it. */
  readonly target: Hex
  readonly calldataHash: Hex
  readonly transactions: readonly { readonly hash: Hex; readonly isNoOp: boolean }[]
  readonly proof: SpentProof | null
}

/** The nonces of a batch under which its call was signed, oldest first. */
export async function readSignedNonces(
  db: Kysely<Database>,
  { ledgerId, batchSequence }: BatchKey,
): Promise<SignedNonce[]> {
  const { rows } = await sql<{
    signer: Hex
    nonce: bigint
    target: Hex
    calldata_hash: Hex
    hashes: Hex[]
    no_ops: boolean[]
    spent_by_hash: Hex | null
    spent_block_number: bigint | null
    spent_block_hash: Hex | null
  }>`
    SELECT n.signer, n.nonce, min(x.target) FILTER (WHERE x.target <> x.signer) AS target,
      min(x.calldata_hash) FILTER (WHERE x.target <> x.signer) AS calldata_hash,
      array_agg(x.hash ORDER BY x.attempt) AS hashes, array_agg(x.target = x.signer ORDER BY x.attempt) AS no_ops,
      n.spent_by_hash, n.spent_block_number, n.spent_block_hash
    FROM settlement.transactions x
    JOIN settlement.nonces n ON n.chain_id = x.chain_id AND n.signer = x.signer AND n.nonce = x.nonce
    WHERE x.ledger_id = ${ledgerId} AND x.batch_sequence = ${batchSequence}
    GROUP BY n.chain_id, n.signer, n.nonce HAVING bool_or(x.target <> x.signer)
    ORDER BY n.reserved_at, n.nonce`.execute(db)
  return rows.map((row) => ({
    signer: row.signer,
    nonce: row.nonce,
    target: row.target,
    calldataHash: row.calldata_hash,
    transactions: row.hashes.map((hash, index) => ({ hash, isNoOp: row.no_ops[index] === true })),
    proof:
      row.spent_by_hash === null || row.spent_block_number === null || row.spent_block_hash === null
        ? null
        : { hash: row.spent_by_hash, blockNumber: row.spent_block_number, blockHash: row.spent_block_hash },
  }))
}

/** Notes by what a nonce was used up. Without it the database gives a batch whose token has no guard no other nonce. */
export async function writeProof(
  trx: Transaction<Database>,
  { chainId, address }: SignerKey,
  nonce: bigint,
  { hash, blockNumber, blockHash }: SpentProof,
): Promise<void> {
  await sql`
    UPDATE settlement.nonces SET spent_by_hash = ${hash}, spent_block_number = ${blockNumber}, spent_block_hash = ${blockHash}
    WHERE chain_id = ${chainId} AND signer = ${address} AND nonce = ${nonce}`.execute(trx)
}

/** The same, for a nonce whose first proof a reorganisation took. @throws ChainBridgeError LEASE_LOST */
export async function renewProof(
  desk: Desk,
  { signer, nonce }: SignedNonce,
  proof: SpentProof,
): Promise<void> {
  await desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    await writeProof(trx, { chainId: desk.signer.chainId, address: signer }, nonce, proof)
  })
}

import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { type CallKey, columnsOf, isRowOf, tableOf } from "./call-key.ts"
import type { Desk } from "./call-moves.ts"
import { isClaimedBy } from "./claims.ts"
import { type Lease, requireSigner, type SignerKey } from "./leases.ts"

/** The nonce of the signer's next reservation; null for a signer that was never registered. */
export async function readNextNonce(
  db: Kysely<Database> | Transaction<Database>,
  { chainId, address }: SignerKey,
): Promise<bigint | null> {
  const row = await db
    .selectFrom("settlement.signers")
    .select("next_nonce")
    .where("chain_id", "=", chainId)
    .where("address", "=", address)
    .executeTakeFirst()
  return row?.next_nonce ?? null
}

/** Registers a signer with the count the chain gave, once: from then on nonces are ours to count. */
export async function registerSigner(
  db: Kysely<Database>,
  { chainId, address }: SignerKey,
  transactionCount: bigint,
): Promise<void> {
  await sql`
    INSERT INTO settlement.signers (chain_id, address, next_nonce) VALUES (${chainId}, ${address}, ${transactionCount})
    ON CONFLICT DO NOTHING`.execute(db)
}

/**
 * Reserves the signer's next nonces, in one commit and in this order, for calls that are simulated and have none.
 * @returns for each its nonce; null where it has one by now, another signer has claimed the batch, or this one is retired: then somebody else goes on with it
 * @throws ChainBridgeError LEASE_LOST
 */
export function reserveNonces(
  { db, signer, lease }: Desk,
  keys: readonly CallKey[],
  reservedAt: Date,
): Promise<(bigint | null)[]> {
  return db.transaction().execute(async (trx) => {
    await requireSigner(trx, signer, lease)
    const free: boolean[] = []
    for (const key of inLockOrder(keys)) free[keys.indexOf(key)] = await isFree(trx, signer, key)
    const wanted = keys.filter((_, index) => free[index])
    const { rows } = await sql<{ next_nonce: bigint }>`
      UPDATE settlement.signers SET next_nonce = next_nonce + ${wanted.length}
      WHERE chain_id = ${signer.chainId} AND address = ${signer.address} AND retired_at IS NULL RETURNING next_nonce`.execute(
      trx,
    )
    const [row] = rows
    if (row === undefined || wanted.length === 0) return keys.map(() => null)
    let nonce = row.next_nonce - BigInt(wanted.length)
    const nonces = keys.map((_, index) => (free[index] === true ? nonce++ : null))
    await trx
      .insertInto("settlement.nonces")
      .values(
        keys.flatMap((key, index) => {
          const own = nonces[index] ?? null
          if (own === null) return []
          return [
            {
              chain_id: signer.chainId,
              signer: signer.address,
              nonce: own,
              ...columnsOf(key),
              reserved_at: reservedAt,
              spent_in_vain_at: null,
            },
          ]
        }),
      )
      .execute()
    return nonces
  })
}

/** Locks the call's row first, so that no other signer's reservation is missed. */
async function isFree(trx: Transaction<Database>, signer: SignerKey, key: CallKey): Promise<boolean> {
  const { rows } = await sql`
    SELECT 1 FROM ${tableOf(key)} WHERE ${isRowOf(key)} AND state = 'simulated' AND ${isClaimedBy(signer, key)} AND ${isLaneOpen(key)} FOR NO KEY UPDATE`.execute(
    trx,
  )
  if (rows.length === 0) return false
  const { rows: live } = await sql`
    SELECT 1 FROM settlement.nonces WHERE ${isRowOf(key)} AND spent_in_vain_at IS NULL`.execute(trx)
  return live.length === 0
}

/** A pause that is committed stops the next nonce, whatever was simulated before it; but for what takes a batch's id out of use. */
function isLaneOpen(key: CallKey) {
  if (key.kind === "anchor") return sql`true`
  return sql`(cancel_requested_at IS NOT NULL OR NOT EXISTS (
    SELECT FROM settlement.lanes l
    WHERE l.ledger_id = batches.ledger_id AND l.token_id = batches.token_id AND l.paused_at IS NOT NULL))`
}

/** Rows of one kind are locked in the order of their keys, by everybody. */
function inLockOrder(keys: readonly CallKey[]): CallKey[] {
  const sequenceOf = (key: CallKey) => (key.kind === "batch" ? key.batchSequence : key.treeSize)
  return [...keys].sort((a, b) => {
    if (a.ledgerId !== b.ledgerId) return a.ledgerId < b.ledgerId ? -1 : 1
    return sequenceOf(a) < sequenceOf(b) ? -1 : 1
  })
}

/** Nonces that the chain used up for good without us can never be ours: the next reservation is made behind them. */
export async function skipNonces(
  db: Kysely<Database>,
  signer: SignerKey,
  lease: Lease,
  finalCount: bigint,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await requireSigner(trx, signer, lease)
    await sql`
      UPDATE settlement.signers SET next_nonce = ${finalCount}
      WHERE chain_id = ${signer.chainId} AND address = ${signer.address} AND next_nonce < ${finalCount}`.execute(
      trx,
    )
  })
}

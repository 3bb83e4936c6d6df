import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { invariant } from "../../platform/errors.ts"
import { type CallKey, columnsOf, describeCall, isRowOf, tableOf } from "./call-key.ts"
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
 * Reserves the signer's next nonce for a call that is simulated and has none.
 * @throws ChainBridgeError LEASE_LOST
 */
export function reserveNonce(
  db: Kysely<Database>,
  options: {
    readonly signer: SignerKey
    readonly lease: Lease
    readonly key: CallKey
    readonly reservedAt: Date
  },
): Promise<bigint> {
  const { signer, lease, key } = options
  return db.transaction().execute(async (trx) => {
    await requireSigner(trx, signer, lease)
    const { rows } = await sql`
      SELECT 1 FROM ${tableOf(key)} WHERE ${isRowOf(key)} AND state = 'simulated' FOR NO KEY UPDATE`.execute(
      trx,
    )
    invariant(rows.length === 1, `${describeCall(key)} is not simulated: it gets no nonce`)
    const { rows: reserved } = await sql<{ nonce: bigint }>`
      UPDATE settlement.signers SET next_nonce = next_nonce + 1
      WHERE chain_id = ${signer.chainId} AND address = ${signer.address} RETURNING next_nonce - 1 AS nonce`.execute(
      trx,
    )
    const nonce = reserved[0]?.nonce
    invariant(nonce !== undefined, `signer ${signer.address} is not registered`)
    await trx
      .insertInto("settlement.nonces")
      .values({
        chain_id: signer.chainId,
        signer: signer.address,
        nonce,
        ...columnsOf(key),
        reserved_at: options.reservedAt,
        spent_in_vain_at: null,
      })
      .execute()
    return nonce
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

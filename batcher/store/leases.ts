import { type Kysely, sql, type Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError } from "../../platform/errors.ts"

export type LaneKey = { readonly ledgerId: string; readonly tokenId: number }
export type SignerKey = { readonly chainId: bigint; readonly address: string }

/** The right to work on a lane or a signer. The epoch changes with the owner, so an old owner's lease never fits again. */
export type Lease = { readonly owner: string; readonly epoch: bigint }

type Handle = Kysely<Database>

/** Takes a lane's lease, or renews our own. All times are the database's. @returns null while somebody else holds it */
export async function holdLane(
  db: Handle,
  key: LaneKey,
  owner: string,
  leaseMs: number,
): Promise<Lease | null> {
  return toLease(
    owner,
    await sql<{ lease_epoch: bigint }>`
      UPDATE settlement.lanes SET
        lease_epoch = CASE WHEN lease_owner = ${owner} AND lease_expires_at > clock_timestamp() THEN lease_epoch ELSE lease_epoch + 1 END,
        lease_owner = ${owner}, lease_expires_at = clock_timestamp() + ${leaseMs} * interval '1 ms'
      WHERE ledger_id = ${key.ledgerId} AND token_id = ${key.tokenId}
        AND (lease_owner IS NULL OR lease_owner = ${owner} OR lease_expires_at <= clock_timestamp())
      RETURNING lease_epoch`.execute(db),
  )
}

/** Takes a signer's lease, or renews our own. @returns null while somebody else holds it */
export async function holdSigner(
  db: Handle,
  key: SignerKey,
  owner: string,
  leaseMs: number,
): Promise<Lease | null> {
  return toLease(
    owner,
    await sql<{ lease_epoch: bigint }>`
      UPDATE settlement.signers SET
        lease_epoch = CASE WHEN lease_owner = ${owner} AND lease_expires_at > clock_timestamp() THEN lease_epoch ELSE lease_epoch + 1 END,
        lease_owner = ${owner}, lease_expires_at = clock_timestamp() + ${leaseMs} * interval '1 ms'
      WHERE chain_id = ${key.chainId} AND address = ${key.address}
        AND (lease_owner IS NULL OR lease_owner = ${owner} OR lease_expires_at <= clock_timestamp())
      RETURNING lease_epoch`.execute(db),
  )
}

function toLease(owner: string, result: { rows: { lease_epoch: bigint }[] }): Lease | null {
  const [row] = result.rows
  return row === undefined ? null : { owner, epoch: row.lease_epoch }
}

/**
 * Locks the lane's row and makes sure that it is still ours, so that nothing of the transaction can be committed by a process that slept through its lease.
 * @throws ChainBridgeError LEASE_LOST (retryable)
 */
export async function requireLane(trx: Transaction<Database>, key: LaneKey, lease: Lease): Promise<void> {
  const { rows } = await sql`
    SELECT 1 FROM settlement.lanes
    WHERE ledger_id = ${key.ledgerId} AND token_id = ${key.tokenId}
      AND lease_owner = ${lease.owner} AND lease_epoch = ${lease.epoch} AND lease_expires_at > clock_timestamp()
    FOR NO KEY UPDATE`.execute(trx)
  if (rows.length !== 1) throw leaseLost(`lane ${key.ledgerId}/${key.tokenId}`)
}

/**
 * The same for a signer. Whoever locks several kinds of rows locks a ledger's head first, then signers (by address), batches and anchors, their nonces and transactions, lanes (by key) and
 * alarms: nobody waits for somebody who waits for him.
 * @throws ChainBridgeError LEASE_LOST (retryable)
 */
export async function requireSigner(trx: Transaction<Database>, key: SignerKey, lease: Lease): Promise<void> {
  const { rows } = await sql`
    SELECT 1 FROM settlement.signers
    WHERE chain_id = ${key.chainId} AND address = ${key.address}
      AND lease_owner = ${lease.owner} AND lease_epoch = ${lease.epoch} AND lease_expires_at > clock_timestamp()
    FOR NO KEY UPDATE`.execute(trx)
  if (rows.length !== 1) throw leaseLost(`signer ${key.address} on chain ${key.chainId}`)
}

/** Gives every lease of this process back, so that another one need not wait for them to expire. */
export async function releaseLeases(db: Handle, owner: string): Promise<void> {
  await sql`UPDATE settlement.lanes SET lease_owner = NULL, lease_expires_at = NULL WHERE lease_owner = ${owner}`.execute(
    db,
  )
  // The moment stays: how long nobody has worked with a signer tells whether its key is gone.
  await sql`UPDATE settlement.signers SET lease_owner = NULL, lease_expires_at = clock_timestamp() WHERE lease_owner = ${owner}`.execute(
    db,
  )
}

function leaseLost(what: string): ChainBridgeError {
  return new ChainBridgeError("LEASE_LOST", `the lease on ${what} is no longer ours`, { retryable: true })
}

import { type Kysely, sql } from "kysely"
import { type Hex, keccak256 } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import { invariant } from "../../platform/errors.ts"
import { type Lease, requireSigner, type SignerKey } from "./leases.ts"

export type Filler = {
  readonly raw: Hex
  /** 1 for the first transaction of its nonce. */
  readonly attempt: number
  readonly savedAt: Date
}

/** A nonce that no batch and no anchor ever had, with the newest of what was signed to fill it. */
export type LostNonce = { readonly nonce: bigint; readonly newest: Filler | null }

// What a node that has lost its mind says may be any number.
const noncesMax = 20_000

/** The signer's nonces from `firstUnmined` on that were never ours: used before the signer was registered, or by somebody else since. Lowest first. */
export async function loadLostNonces(
  db: Kysely<Database>,
  { chainId, address }: SignerKey,
  firstUnmined: bigint,
  limit: number,
): Promise<LostNonce[]> {
  const { rows } = await sql<{
    nonce: bigint
    raw: Hex | null
    hash: Hex | null
    attempt: number | null
    saved_at: Date | null
  }>`
    SELECT g.nonce, f.raw, f.hash, f.attempt, f.saved_at
    FROM settlement.signers s
    CROSS JOIN LATERAL generate_series(${firstUnmined}::bigint, least(s.next_nonce, ${firstUnmined}::bigint + ${noncesMax}) - 1) AS g(nonce)
    LEFT JOIN LATERAL (
      SELECT raw, hash, attempt, saved_at FROM settlement.fillers f
      WHERE f.chain_id = s.chain_id AND f.signer = s.address AND f.nonce = g.nonce ORDER BY attempt DESC LIMIT 1) AS f ON true
    WHERE s.chain_id = ${chainId} AND s.address = ${address} AND NOT EXISTS (
      SELECT FROM settlement.nonces n WHERE n.chain_id = s.chain_id AND n.signer = s.address AND n.nonce = g.nonce)
    ORDER BY g.nonce LIMIT ${limit}`.execute(db)
  return rows.map(({ nonce, raw, hash, attempt, saved_at: savedAt }) => {
    if (raw === null || attempt === null || savedAt === null) return { nonce, newest: null }
    invariant(keccak256(raw) === hash, `the stored bytes for the lost nonce ${nonce} have another hash`)
    return { nonce, newest: { raw, attempt, savedAt } }
  })
}

/**
 * Commits the bytes of a transaction that does nothing. Nothing may be sent before this has returned.
 * @returns false when this attempt is there already: ours is thrown away, it was never sent
 * @throws ChainBridgeError LEASE_LOST
 */
export function saveFiller(
  db: Kysely<Database>,
  options: {
    readonly signer: SignerKey
    readonly lease: Lease
    readonly nonce: bigint
    readonly attempt: number
    readonly raw: Hex
    readonly savedAt: Date
  },
): Promise<boolean> {
  const { signer, nonce, attempt, raw, savedAt } = options
  return db.transaction().execute(async (trx) => {
    await requireSigner(trx, signer, options.lease)
    const { numAffectedRows } = await sql`
      INSERT INTO settlement.fillers (chain_id, signer, nonce, attempt, hash, raw, saved_at)
      VALUES (${signer.chainId}, ${signer.address}, ${nonce}, ${attempt}, ${keccak256(raw)}, ${raw}, ${savedAt})
      ON CONFLICT DO NOTHING`.execute(trx)
    return numAffectedRows === 1n
  })
}

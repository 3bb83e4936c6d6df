import { type Kysely, sql } from "kysely"
import type { Initiator } from "../domain/operator-action.ts"
import { laneChangedChannel } from "./channels.ts"
import type { Database } from "./database.ts"
import { recordAction } from "./record-action.ts"

export type RetiredSigner = {
  readonly chainId: bigint
  readonly address: string
  /** Others of the chain that somebody works with, and that are not retired. */
  readonly others: number
}

/**
 * Retires a signer: from this commit on it reserves no nonce, and what it has reserved is taken to the chain. Or takes that back.
 * @param options.address lower case
 * @param options.chainId null: on every chain
 * @returns the chains on which that changed something
 */
export async function retireSigner(
  db: Kysely<Database>,
  options: {
    readonly address: string
    readonly chainId: bigint | null
    readonly isRetired: boolean
    /** Whom the audit log names. */
    readonly initiator?: Initiator
  },
): Promise<RetiredSigner[]> {
  const { address, chainId, isRetired, initiator } = options
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<{ chain_id: bigint; address: string; others: bigint }>`
      UPDATE settlement.signers s SET retired_at = CASE WHEN ${isRetired} THEN clock_timestamp() END, done_at = NULL
      WHERE s.address = ${address} AND (${chainId}::bigint IS NULL OR s.chain_id = ${chainId}::bigint) AND (s.retired_at IS NOT NULL) <> ${isRetired}
      RETURNING s.chain_id, s.address, (
        SELECT count(*) FROM settlement.signers o
        WHERE o.chain_id = s.chain_id AND o.address <> s.address AND o.retired_at IS NULL
          AND o.lease_owner IS NOT NULL AND o.lease_expires_at > clock_timestamp()) AS others`.execute(trx)
    if (initiator !== undefined) {
      const action = isRetired ? "signer.retired" : "signer.reinstated"
      for (const row of rows) {
        const subject = `signer:${row.chain_id}:${row.address}`
        await recordAction(trx, { ...initiator, ledgerId: null, action, subject })
      }
    }
    await sql`SELECT pg_notify(${laneChangedChannel}, '')`.execute(trx)
    return rows.map((row) => ({ chainId: row.chain_id, address: row.address, others: Number(row.others) }))
  })
}

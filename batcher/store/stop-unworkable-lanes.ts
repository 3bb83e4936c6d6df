import { sql, type Transaction } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { type PauseKind, pauseLanes, resumeLanes } from "../../ledger/store/pause-lanes.ts"
import type { LaneKey, SignerKey } from "./leases.ts"

/** Kinds of pauses that end when a signer can work again. */
const ownKinds: readonly PauseKind[] = ["balance", "signer"]

/**
 * Stops the lanes of a chain for whose token no signer is left that somebody works with, that is not retired, has coins and the role. Where one is left, it takes what the others
 * cannot, and nothing stops.
 * @param why one sentence about the signer that cannot
 * @param options.without this one counts as unable, whatever is stored about it yet
 * @param options.tokenId only the lanes of this token
 * @returns how many lanes are stopped
 */
export async function stopUnworkableLanes(
  trx: Transaction<Database>,
  chainId: bigint,
  why: { readonly reason: string; readonly by: "balance" | "signer" },
  options: { readonly without: string; readonly tokenId?: number },
): Promise<number> {
  const lanes = await readLanes(
    trx,
    chainId,
    sql`NOT EXISTS (${ableSigners(options.without)})`,
    options.tokenId,
  )
  if (lanes.length > 0) await pauseLanes(trx, lanes, why)
  return lanes.length
}

/** Lets the lanes go on that stood still because no signer could work for them, and for which one can now. */
export async function resumeWorkableLanes(trx: Transaction<Database>, chainId: bigint): Promise<number> {
  const lanes = await readLanes(trx, chainId, sql`EXISTS (${ableSigners(null)})`)
  return lanes.length === 0 ? 0 : (await resumeLanes(trx, lanes, ownKinds)).length
}

/** Locks all signers of a chain: of several that fail at once the last one sees that it is the last. */
export async function lockSigners(
  trx: Transaction<Database>,
  { chainId }: Pick<SignerKey, "chainId">,
): Promise<void> {
  await sql`SELECT 1 FROM settlement.signers WHERE chain_id = ${chainId} ORDER BY address FOR NO KEY UPDATE`.execute(
    trx,
  )
}

const ableSigners = (without: string | null) => sql`
  SELECT FROM settlement.signers s
  WHERE s.chain_id = t.chain_id AND s.address IS DISTINCT FROM ${without}::text AND s.retired_at IS NULL
    AND s.lease_owner IS NOT NULL AND s.lease_expires_at > clock_timestamp()
    AND NOT EXISTS (
      SELECT FROM registry.alarms a
      WHERE a.cleared_at IS NULL AND (
        (a.kind = 'signer_balance' AND a.subject = 'signer:' || s.chain_id || ':' || s.address)
        OR (a.kind = 'signer_role' AND a.subject = 'signer:' || s.chain_id || ':' || s.address || ':' || t.token_id)))`

async function readLanes(
  trx: Transaction<Database>,
  chainId: bigint,
  condition: ReturnType<typeof sql>,
  tokenId?: number,
): Promise<LaneKey[]> {
  const { rows } = await sql<{ ledger_id: string; token_id: number }>`
    SELECT l.ledger_id, l.token_id FROM settlement.lanes l JOIN registry.tokens t ON t.token_id = l.token_id
    WHERE t.chain_id = ${chainId} AND (${tokenId ?? null}::integer IS NULL OR t.token_id = ${tokenId ?? null}::integer) AND ${condition}
    ORDER BY l.ledger_id, l.token_id`.execute(trx)
  return rows.map((row) => ({ ledgerId: row.ledger_id, tokenId: row.token_id }))
}

import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { SignerKey } from "./leases.ts"

/** What a signer may do now, as the database knows it. */
export type SignerStanding = {
  /** Takes no nonce any more. */
  readonly isRetired: boolean
  readonly isDone: boolean
  /** Its coins were not enough for the last thing that it was asked for. */
  readonly isEmpty: boolean
  /** Tokens that it may not settle: the role is missing. */
  readonly tokensWithoutRole: readonly number[]
  /**
   * Does what a chain needs once: anchors, and looking after the transactions of signers that nobody has the key of. It is the first by address of those that somebody works with,
   * retired ones last. For a moment two may believe it; each commit of such work is one that only counts once.
   */
  readonly isFirst: boolean
}

export async function readStanding(
  db: Kysely<Database>,
  { chainId, address }: SignerKey,
): Promise<SignerStanding> {
  const { rows } = await sql<{
    is_retired: boolean
    is_done: boolean
    is_empty: boolean
    without_role: number[]
    is_first: boolean
  }>`
    SELECT s.retired_at IS NOT NULL AS is_retired, s.done_at IS NOT NULL AS is_done,
      EXISTS (SELECT FROM registry.alarms a WHERE a.kind = 'signer_balance' AND a.cleared_at IS NULL AND a.subject = ${subjectOfSigner({ chainId, address })}) AS is_empty,
      ARRAY(
        SELECT split_part(a.subject, ':', 4)::integer FROM registry.alarms a
        WHERE a.kind = 'signer_role' AND a.cleared_at IS NULL AND starts_with(a.subject, ${`${subjectOfSigner({ chainId, address })}:`})) AS without_role,
      NOT EXISTS (
        SELECT FROM settlement.signers o
        WHERE o.chain_id = s.chain_id AND o.lease_expires_at > clock_timestamp() AND o.lease_owner IS NOT NULL
          AND (o.retired_at IS NOT NULL, o.address) < (s.retired_at IS NOT NULL, s.address)) AS is_first
    FROM settlement.signers s WHERE s.chain_id = ${chainId} AND s.address = ${address}`.execute(db)
  const [row] = rows
  return {
    isRetired: row?.is_retired ?? false,
    isDone: row?.is_done ?? false,
    isEmpty: row?.is_empty ?? false,
    tokensWithoutRole: row?.without_role ?? [],
    isFirst: row?.is_first ?? false,
  }
}

/** What alarms about a signer are about. */
export function subjectOfSigner({ chainId, address }: SignerKey): string {
  return `signer:${chainId}:${address}`
}

/** What an alarm about a signer and one token is about. */
export function subjectOfRole(key: SignerKey, tokenId: number): string {
  return `${subjectOfSigner(key)}:${tokenId}`
}

import { type Kysely, sql } from "kysely"
import type { Hex } from "viem"
import { readCheckpoint } from "../../ledger/audit/read-checkpoints.ts"
import { holdsSignature } from "../../ledger/domain/checkpoint-note.ts"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError, invariant } from "../../platform/errors.ts"
import { openStates } from "../domain/call-state.ts"
import { type AnchorKey, describeCall } from "./call-key.ts"
import type { SignerKey } from "./leases.ts"
import {
  columnsOfTransactions,
  isOrphan,
  type OpenAnchor,
  type UnderwayRow,
  underwayOf,
} from "./open-call.ts"

/**
 * Anchors that are a signer's to work on: those that have its nonces first and in their order, then the one that has waited longest.
 * @param options.isFirst also those without a nonce, and those that have one of a signer that nobody works with
 */
export async function loadOpenAnchors(
  db: Kysely<Database>,
  { chainId, address }: SignerKey,
  options: { readonly limit: number; readonly isFirst: boolean },
): Promise<OpenAnchor[]> {
  const { rows } = await sql<UnderwayRow & { ledger_id: string; tree_size: bigint }>`
    SELECT a.ledger_id, a.tree_size, a.contract AS "to", a.state, a.gas_limit, a.failures, a.retry_at, a.block_number, a.block_hash,
      n.signer, n.nonce, n.reserved_at, x.*
    FROM settlement.anchors a
    LEFT JOIN settlement.nonces n
      ON n.ledger_id = a.ledger_id AND n.tree_size = a.tree_size AND n.spent_in_vain_at IS NULL
    LEFT JOIN LATERAL (
      SELECT ${columnsOfTransactions} FROM settlement.transactions x
      WHERE x.ledger_id = a.ledger_id AND x.tree_size = a.tree_size
        AND x.chain_id = n.chain_id AND x.signer = n.signer AND x.nonce = n.nonce
    ) AS x ON true
    WHERE a.chain_id = ${chainId} AND a.state IN (${sql.join(openStates.map((state) => sql.lit(state)))})
      AND (n.signer = ${address} OR (${options.isFirst} AND (n.signer IS NULL OR ${isOrphan})))
    ORDER BY n.nonce NULLS LAST, a.sealed_at, a.ledger_id, a.tree_size
    LIMIT ${options.limit}`.execute(db)
  return rows.map((row) => ({
    kind: "anchor",
    ledgerId: row.ledger_id,
    treeSize: row.tree_size,
    ...underwayOf(row),
  }))
}

/**
 * The root that is to be anchored, if it is the one that was signed: what stands on a chain stands there for good.
 * @throws ChainBridgeError CHECKPOINT_ALTERED when the checkpoint's signature does not hold
 */
export async function readSignedRoot(db: Kysely<Database>, key: AnchorKey): Promise<Hex> {
  const stored = await readCheckpoint(db, key.ledgerId, key.treeSize)
  invariant(stored !== null, `there is no checkpoint for ${describeCall(key)}`)
  if (!holdsSignature(stored, stored.publicKey)) {
    throw new ChainBridgeError(
      "CHECKPOINT_ALTERED",
      `the checkpoint of ${key.treeSize} events of ledger ${key.ledgerId} is not what was signed: it is not anchored`,
    )
  }
  return `0x${stored.checkpoint.root.toString("hex")}`
}

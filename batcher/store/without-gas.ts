import { type Kysely, sql } from "kysely"
import type { Hex } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import { type CallKey, isRowOf, keyOfColumns, tableOf } from "./call-key.ts"
import type { MinedReceipt } from "./call-moves.ts"

/** Batches and anchors that were confirmed before their receipt was read, newest first: their gas figures are missing. */
export async function loadWithoutGas(
  db: Kysely<Database>,
  chainId: bigint,
  limit: number,
): Promise<{ readonly key: CallKey; readonly hash: Hex }[]> {
  const { rows } = await sql<{
    ledger_id: string
    batch_sequence: bigint | null
    tree_size: bigint | null
    tx_hash: string
  }>`
    (SELECT b.ledger_id, b.batch_sequence, NULL::bigint AS tree_size, b.tx_hash
      FROM settlement.batches b JOIN registry.tokens t ON t.token_id = b.token_id
      WHERE t.chain_id = ${chainId} AND b.state = 'confirmed' AND b.gas_used IS NULL AND b.tx_hash IS NOT NULL
        AND b.confirmed_at > now() - interval '1 hour'
      ORDER BY b.confirmed_at DESC LIMIT ${limit})
    UNION ALL
    (SELECT ledger_id, NULL, tree_size, tx_hash FROM settlement.anchors
      WHERE chain_id = ${chainId} AND state = 'confirmed' AND gas_used IS NULL AND tx_hash IS NOT NULL
        AND confirmed_at > now() - interval '1 hour'
      ORDER BY confirmed_at DESC LIMIT ${limit})`.execute(db)
  return rows.map((row) => ({ key: keyOfColumns(row), hash: row.tx_hash as Hex }))
}

/** Completes a call that the indexer confirmed before we had read its receipt. */
export async function fillGas(db: Kysely<Database>, key: CallKey, receipt: MinedReceipt): Promise<void> {
  await sql`
    UPDATE ${tableOf(key)} SET gas_used = ${receipt.gasUsed}, effective_gas_price = ${receipt.effectiveGasPrice}
    WHERE ${isRowOf(key)} AND state = 'confirmed' AND tx_hash = ${receipt.hash} AND gas_used IS NULL`.execute(
    db,
  )
}

import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { isRowOf, tableOf } from "./call-key.ts"
import type { OpenCall } from "./open-call.ts"

/** The last block of a chain that confirmations have taken; -1 before the first. */
export async function readConfirmedThrough(db: Kysely<Database>, chainId: bigint): Promise<bigint> {
  const row = await db
    .selectFrom("ledger.chain_cursors")
    .select("block_number")
    .where("chain_id", "=", chainId)
    .executeTakeFirst()
  return row?.block_number ?? -1n
}

/** Whether a call was seen in a block that is confirmed by now, and is not confirmed itself: that block's logs do not have it, or were not believed. */
export async function isUntold(db: Kysely<Database>, chainId: bigint, call: OpenCall): Promise<boolean> {
  const { rows } = await sql`
    SELECT 1 FROM ${tableOf(call)}
    WHERE ${isRowOf(call)} AND state = 'mined'
      AND block_number <= (SELECT c.block_number FROM ledger.chain_cursors c WHERE c.chain_id = ${chainId})`.execute(
    db,
  )
  return rows.length > 0
}

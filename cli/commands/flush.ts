import { sql } from "kysely"
import { laneChangedChannel } from "../../ledger/store/channels.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { withDatabase } from "./open-database.ts"

/** `chainbridge flush`: asks the batcher to settle what waits. */
export async function flushCommand(options: {
  readonly dataDir: string
  readonly token?: string
}): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const { rows } = await sql<{ symbol: string; ledger_id: string }>`
      UPDATE settlement.lanes l SET flush_requested_at = now()
      FROM registry.tokens t
      WHERE t.token_id = l.token_id AND t.symbol = coalesce(${options.token ?? null}, t.symbol)
      RETURNING t.symbol, l.ledger_id`.execute(db)
    if (rows.length === 0)
      throw new ChainBridgeError("NOTHING_TO_FLUSH", "no lane of that token has settled anything yet")
    for (const { ledger_id: ledgerId } of rows)
      await sql`SELECT pg_notify(${laneChangedChannel}, ${ledgerId})`.execute(db)
    process.stdout.write(`asked ${rows.length} lanes to settle what waits\n`)
  })
}

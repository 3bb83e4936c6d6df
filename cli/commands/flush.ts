import { sql } from "kysely"
import { laneChangedChannel } from "../../ledger/store/channels.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { commandInitiator } from "./command-initiator.ts"
import { withDatabase } from "./open-database.ts"

/** `chainbridge flush`: asks the batcher to settle what waits, in every ledger. */
export async function flushCommand(options: {
  readonly dataDir: string
  readonly token?: string
}): Promise<void> {
  await withDatabase(options.dataDir, async (db) => {
    const lanes = await db.transaction().execute(async (trx) => {
      // A lane that the batcher has not made yet is made here, so that the request is not lost.
      const { rows } = await sql<{ ledger_id: string }>`
        INSERT INTO settlement.lanes (ledger_id, token_id, flush_requested_at)
        SELECT l.ledger_id, t.token_id, now() FROM registry.ledgers l CROSS JOIN registry.tokens t
        WHERE ${options.token ?? null}::text IS NULL OR t.symbol = ${options.token ?? null}
        ORDER BY l.ledger_id, t.token_id
        ON CONFLICT (ledger_id, token_id) DO UPDATE SET flush_requested_at = excluded.flush_requested_at
        RETURNING ledger_id`.execute(trx)
      for (const ledgerId of new Set(rows.map((row) => row.ledger_id))) {
        await recordAction(trx, {
          ...commandInitiator(),
          ledgerId,
          action: "settlement.flush_requested",
          subject: null,
          after: { token: options.token ?? "every token" },
        })
        await sql`SELECT pg_notify(${laneChangedChannel}, ${ledgerId})`.execute(trx)
      }
      return rows.length
    })
    if (lanes === 0) {
      const what = options.token === undefined ? "no app or no token yet" : `no token ${options.token}`
      throw new ChainBridgeError("NOTHING_TO_FLUSH", `there is ${what}`)
    }
    process.stdout.write(`asked ${lanes} ${lanes === 1 ? "lane" : "lanes"} to settle what waits\n`)
  })
}

import { type Kysely, sql } from "kysely"
import { raiseAlarm } from "../../ledger/store/alarms.ts"
import type { Database } from "../../ledger/store/database.ts"
import { withHead } from "../../ledger/store/ledger-transaction.ts"
import { accountsHeldBack } from "./held-back.ts"
import { type LaneKey, type Lease, requireLane } from "./leases.ts"

/** Debits that the chain has skipped too often become dead letters, so that somebody looks. One that a reorganisation may still put back into its batch is left there. */
export async function giveUpDeferred(
  db: Kysely<Database>,
  lane: LaneKey,
  lease: Lease,
  deferralsMax: number,
  at: Date,
): Promise<void> {
  const { ledgerId, tokenId } = lane
  // Looking first keeps a turn without news from writing anything.
  const due = sql`
    SELECT i.account_id, max(i.position) AS through_position, max(i.deferrals) AS deferrals FROM settlement.batch_items i
    WHERE i.ledger_id = ${ledgerId} AND i.token_id = ${tokenId} AND i.state = 'waiting' AND i.deferred_block IS NOT NULL
      AND i.deferrals >= ${deferralsMax} AND i.account_id NOT IN (${accountsHeldBack(lane)})
    GROUP BY i.account_id`
  const { rows } = await sql`${due} LIMIT 1`.execute(db)
  if (rows.length === 0) return
  // Under the head's lock, so that no letter is closed meanwhile, and the alarm with it; and as the lane's owner, so that nobody seals the accounts.
  await withHead(db, ledgerId, async ({ trx }) => {
    await requireLane(trx, lane, lease)
    const { numAffectedRows } = await sql`
      INSERT INTO settlement.dead_letters (ledger_id, token_id, account_id, through_position, reason, opened_at)
      SELECT ${ledgerId}, ${tokenId}, d.account_id, d.through_position,
        'the chain has skipped the debit ' || d.deferrals || ' times: the address holds less than it', ${at}
      FROM (${due}) AS d
      ON CONFLICT DO NOTHING`.execute(trx)
    if (numAffectedRows === 0n) return
    await raiseAlarm(trx, {
      kind: "dead_letters",
      subject: ledgerId,
      ledgerId,
      message: `the chain has skipped debits of ${numAffectedRows} account(s) too often; see GET /dead-letters`,
    })
  })
}

import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { HeldDust } from "../domain/hold-dust.ts"
import type { LaneKey } from "./leases.ts"

/** Moves the deadlines of held accounts to where they will go, so that nobody is told of a sooner one and no alarm is raised for it. */
export async function noteDust(
  db: Kysely<Database>,
  { ledgerId, tokenId }: LaneKey,
  held: readonly HeldDust[],
): Promise<void> {
  const moved = held.filter(({ isNotedSooner }) => isNotedSooner)
  if (moved.length === 0) return
  await sql`
    UPDATE settlement.batch_items i SET deadline = h.until
    FROM unnest(
      ${moved.map(({ accountId }) => accountId.toString())}::bigint[],
      ${moved.map(({ lastPosition }) => lastPosition.toString())}::bigint[],
      ${moved.map(({ untilMs }) => new Date(untilMs).toISOString())}::timestamptz[]) AS h (account_id, last_position, until)
    WHERE i.ledger_id = ${ledgerId} AND i.token_id = ${tokenId} AND i.account_id = h.account_id AND i.position <= h.last_position AND i.state = 'waiting'
      AND i.deadline < h.until`.execute(db)
}

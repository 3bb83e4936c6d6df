import type { Kysely } from "kysely"
import type pg from "pg"
import { hashEvent } from "../../ledger/domain/event-encoding.ts"
import type { Database } from "../../ledger/store/database.ts"
import { readEvents, type StoredEvent } from "../../ledger/store/read-events.ts"

/** What somebody can do who owns the tables and has no key: changes events, and makes the hashes of all events up to a position anew, and of the head where that is the last one. */
export async function rewriteLog(
  owner: pg.Client,
  { db, ledgerId }: { readonly db: Kysely<Database>; readonly ledgerId: string },
  change: (event: StoredEvent) => StoredEvent,
  upTo: bigint | null = null,
): Promise<void> {
  let hash: Buffer = Buffer.alloc(32)
  await owner.query("BEGIN; SET LOCAL session_replication_role = replica")
  for (const old of await readEvents(db, ledgerId, 0n, Number(upTo ?? 100_000n))) {
    const event = change(old)
    const next = hashEvent(hash, event)
    await owner.query(
      `UPDATE ledger.events SET account_id = $3, amount = $4, balance_after = $5, details_hash = $6, causation = $7, prev_hash = $8, hash = $9
       WHERE ledger_id = $1 AND position = $2`,
      [
        ...[ledgerId, event.position, event.accountId, event.amount, event.balanceAfter],
        ...[event.detailsHash, event.causation, hash, next],
      ],
    )
    hash = next
  }
  if (upTo === null)
    await owner.query("UPDATE ledger.head SET hash = $2 WHERE ledger_id = $1", [ledgerId, hash])
  await owner.query("COMMIT")
}

import { type Kysely, sql } from "kysely"
import type { Database } from "../store/database.ts"

/** When a log gets its next checkpoint: after so many events, or so long after the first one that no checkpoint covers. */
export type CheckpointPolicy = { readonly events: bigint; readonly intervalMs: bigint }

/** What holds where the configuration was never applied; the same as in config/sync_config.yaml. */
const defaultPolicy: CheckpointPolicy = { events: 100_000n, intervalMs: 600_000n }

export async function readCheckpointPolicy(db: Kysely<Database>): Promise<CheckpointPolicy> {
  const row = await db
    .selectFrom("registry.checkpoint_policy")
    .select(["events", "interval_ms as intervalMs"])
    .executeTakeFirst()
  return row ?? defaultPolicy
}

/**
 * Ledgers whose next checkpoint is due. That an earlier checkpoint was anchored is an event itself and no reason for another one: a ledger in which nothing else happens would be
 * anchored for ever.
 */
export async function findDueLedgers(
  db: Kysely<Database>,
  { events, intervalMs }: CheckpointPolicy,
): Promise<string[]> {
  const { rows } = await sql<{ ledger_id: string }>`
    SELECT h.ledger_id FROM ledger.head h
    CROSS JOIN LATERAL (
      SELECT coalesce(max(c.tree_size), 0) AS covered FROM ledger.checkpoints c WHERE c.ledger_id = h.ledger_id
    ) AS c
    CROSS JOIN LATERAL (
      SELECT e.recorded_at FROM ledger.event_log e
      WHERE e.ledger_id = h.ledger_id AND e.position > c.covered AND e.position <= h.position AND e.type <> 'CheckpointAnchored'
      ORDER BY e.position LIMIT 1
    ) AS oldest
    WHERE h.position > c.covered
      AND (h.position - c.covered >= ${events} OR oldest.recorded_at <= now() - interval '1 millisecond' * ${intervalMs})
    ORDER BY h.ledger_id`.execute(db)
  return rows.map((row) => row.ledger_id)
}

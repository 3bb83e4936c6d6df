import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { Batcher } from "../batcher-context.ts"
import { inFlightStates } from "../domain/call-state.ts"
import type { Desk } from "./call-moves.ts"
import { requireSigner } from "./leases.ts"

/** What holds where the configuration was never applied; the same as in config/sync_config.yaml. */
const defaultIntervalMs = 3_600_000n
const ledgersPerTurn = 100
const skippedMax = 10_000

type Due = { readonly ledgerId: string; readonly treeSize: bigint; readonly contract: string }

const inFlight = sql`(${sql.join(inFlightStates.map((state) => sql.lit(state)))})`
const hasNonce = sql<boolean>`
  EXISTS (SELECT FROM settlement.nonces n WHERE n.ledger_id = a.ledger_id AND n.tree_size = a.tree_size AND n.spent_in_vain_at IS NULL)`

/**
 * Decides which checkpoints are anchored next on the signer's chain: of each ledger the newest one, not sooner than the interval after the last one, and not before that one is mined. What it covers and
 * nothing was sent for is skipped for good: its consistency with a later root proves it. None of a ledger for which somebody else anchored.
 * @returns how many anchors were sealed
 * @throws ChainBridgeError LEASE_LOST
 */
export async function sealDueAnchors({ db, now, step, logger }: Batcher, desk: Desk): Promise<number> {
  const due = await findDue(db, desk.signer.chainId, now())
  for (const anchor of due) {
    await seal(desk, anchor, now())
    await step("sealed")
    const { ledgerId, treeSize } = anchor
    logger.info({ ledgerId, treeSize: treeSize.toString() }, "an anchor was sealed")
  }
  return due.length
}

async function findDue(db: Kysely<Database>, chainId: bigint, now: Date): Promise<Due[]> {
  const { rows } = await sql<{ ledger_id: string; tree_size: bigint; contract: string }>`
    WITH policy AS (
      SELECT coalesce((SELECT interval_ms FROM registry.anchor_policy), ${defaultIntervalMs}) AS interval_ms,
        coalesce((SELECT chain_id FROM registry.anchor_policy), (
          SELECT chain_id FROM registry.chains WHERE audit_anchor IS NOT NULL ORDER BY created_at, chain_id LIMIT 1)) AS chain_id
    )
    SELECT h.ledger_id, c.tree_size, chain.audit_anchor AS contract
    FROM policy JOIN registry.chains chain ON chain.chain_id = policy.chain_id AND chain.audit_anchor IS NOT NULL
    CROSS JOIN ledger.head h
    CROSS JOIN LATERAL (
      SELECT c.tree_size, c.anchored_position FROM ledger.checkpoints c
      WHERE c.ledger_id = h.ledger_id ORDER BY c.tree_size DESC LIMIT 1) AS c
    LEFT JOIN LATERAL (
      SELECT a.tree_size, a.state IN ${inFlight} AS is_in_flight, ${hasNonce} AS has_nonce, a.sealed_at FROM settlement.anchors a
      WHERE a.ledger_id = h.ledger_id AND a.state <> 'skipped' ORDER BY a.tree_size DESC LIMIT 1) AS last ON true
    -- What was anchored, and taken back, says nothing new: a ledger in which nothing else happens would be anchored for ever.
    CROSS JOIN LATERAL (
      SELECT 1 FROM ledger.event_log e
      WHERE e.ledger_id = h.ledger_id AND e.position > coalesce(last.tree_size, 0) AND e.position <= c.tree_size
        AND e.type <> 'CheckpointAnchored'
        AND (e.type <> 'ConfirmationRevoked' OR e.data->>'revoked_type' <> 'CheckpointAnchored')
      ORDER BY e.position LIMIT 1) AS news
    WHERE chain.chain_id = ${chainId} AND c.anchored_position IS NULL
      -- Somebody anchored what was not signed here: of two logs that may both be the ledger's nothing more goes to the chain until somebody has looked.
      AND NOT EXISTS (
        SELECT FROM registry.alarms f
        WHERE f.kind = 'foreign_anchor' AND f.cleared_at IS NULL AND split_part(f.subject, ':', 2) = h.ledger_id::text)
      AND (last.tree_size IS NULL OR (last.tree_size < c.tree_size AND CASE
        -- It has cost nothing yet, and the later one is worth more.
        WHEN last.is_in_flight THEN NOT last.has_nonce
        ELSE last.sealed_at <= ${now}::timestamptz - policy.interval_ms * interval '1 ms' END))
    ORDER BY h.ledger_id LIMIT ${ledgersPerTurn}`.execute(db)
  return rows.map((row) => ({ ledgerId: row.ledger_id, treeSize: row.tree_size, contract: row.contract }))
}

async function seal(desk: Desk, { ledgerId, treeSize, contract }: Due, sealedAt: Date): Promise<void> {
  const { chainId } = desk.signer
  await desk.db.transaction().execute(async (trx) => {
    await requireSigner(trx, desk.signer, desk.lease)
    const { rows: replaced } = await sql<{ failures: number; retry_at: Date | null }>`
      UPDATE settlement.anchors a SET state = 'skipped'
      WHERE ledger_id = ${ledgerId} AND state IN ('sealed', 'simulated') AND tree_size < ${treeSize} AND NOT ${hasNonce}
      RETURNING failures, retry_at`.execute(trx)
    // What made the one before fail may well fail this one: it does not start from nothing.
    const failures = Math.max(0, ...replaced.map((row) => row.failures))
    const retryAt = replaced.find((row) => row.failures === failures)?.retry_at ?? null
    await sql`
      INSERT INTO settlement.anchors (ledger_id, tree_size, chain_id, contract, state, failures, retry_at, sealed_at)
      VALUES (${ledgerId}, ${treeSize}, ${chainId}, ${contract}, 'sealed', ${failures}, ${retryAt}, ${sealedAt})
      -- Of one that a stranger had anchored, and a reorganisation took back.
      ON CONFLICT (ledger_id, tree_size) DO UPDATE SET state = 'sealed', chain_id = excluded.chain_id, contract = excluded.contract,
        failures = excluded.failures, retry_at = excluded.retry_at, sealed_at = excluded.sealed_at
      WHERE settlement.anchors.state = 'skipped'`.execute(trx)
    await sql`
      INSERT INTO settlement.anchors (ledger_id, tree_size, chain_id, contract, state, sealed_at)
      SELECT c.ledger_id, c.tree_size, ${chainId}, ${contract}, 'skipped', ${sealedAt}
      FROM ledger.checkpoints c
      WHERE c.ledger_id = ${ledgerId} AND c.tree_size < ${treeSize} AND c.anchored_position IS NULL
        AND NOT EXISTS (SELECT FROM settlement.anchors a WHERE a.ledger_id = c.ledger_id AND a.tree_size = c.tree_size)
      ORDER BY c.tree_size DESC LIMIT ${skippedMax}`.execute(trx)
  })
}

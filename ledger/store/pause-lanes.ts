import { sql, type Transaction } from "kysely"
import { clearAlarm, raiseAlarm } from "./alarms.ts"
import { laneChangedChannel } from "./channels.ts"
import type { Database } from "./database.ts"

/**
 * Who or what paused a lane. `balance`: no signer could pay for gas · `signer`: every signer is retired, or lacks the role on the token · `treasury`: the treasury could not pay a batch; these
 * end by themselves · `errors`: a batch failed too often, or too many did · `foreign`: somebody else signs with our key or settles on our token · `altered`: sealed data was changed ·
 * `strategy`: its batch strategy cannot be used. All others wait for somebody who resumes.
 */
export type PauseKind =
  | "operator"
  | "balance"
  | "signer"
  | "treasury"
  | "errors"
  | "foreign"
  | "altered"
  | "strategy"

/** Those that end by themselves. */
const passingKinds: readonly PauseKind[] = ["balance", "signer", "treasury"]

export type LaneName = { readonly ledgerId: string; readonly tokenId: number }

export type PausedLane = LaneName & {
  readonly pausedAt: Date
  readonly reason: string
  readonly by: PauseKind | null
}

type PauseRow = {
  readonly ledger_id: string
  readonly token_id: number
  readonly paused_at: Date
  readonly paused_reason: string | null
  readonly paused_by: PauseKind | null
}

/**
 * Stops the sealing and the new nonces of lanes, makes those that are not there yet, and says why. A lane that is paused keeps its moment and its first reason; one that waits for coins and is
 * paused for something else too has both reasons and no longer ends its pause by itself. The pause and its alarm come together, as they go in resumeLanes.
 * @returns the lanes as they are now, in the order of their keys
 */
export async function pauseLanes(
  db: Transaction<Database>,
  lanes: readonly LaneName[],
  pause: { readonly reason: string; readonly by: PauseKind },
): Promise<(PausedLane & { readonly wasPaused: boolean })[]> {
  const { reason, by } = pause
  const passing = sql`${[...passingKinds]}::text[]`
  const { rows } = await sql<PauseRow & { was_paused: boolean }>`
    INSERT INTO settlement.lanes AS lane (ledger_id, token_id, paused_at, paused_reason, paused_by)
    SELECT l.ledger_id, l.token_id, now(), ${reason}, ${by}
    FROM unnest(${lanes.map(({ ledgerId }) => ledgerId)}::uuid[], ${lanes.map(({ tokenId }) => tokenId)}::integer[]) AS l(ledger_id, token_id)
    ORDER BY l.ledger_id, l.token_id
    ON CONFLICT (ledger_id, token_id) DO UPDATE SET
      paused_at = coalesce(lane.paused_at, excluded.paused_at),
      paused_reason = CASE
        WHEN lane.paused_at IS NULL THEN excluded.paused_reason
        WHEN lane.paused_by = ANY(${passing}) AND excluded.paused_by <> ALL(${passing}) THEN lane.paused_reason || '; ' || excluded.paused_reason
        ELSE lane.paused_reason END,
      paused_by = CASE
        WHEN lane.paused_at IS NULL OR lane.paused_by = ANY(${passing}) AND excluded.paused_by <> ALL(${passing}) THEN excluded.paused_by
        ELSE lane.paused_by END
    RETURNING lane.ledger_id, lane.token_id, lane.paused_at, lane.paused_reason, lane.paused_by,
      (old.paused_at IS NOT NULL) AS was_paused`.execute(db)
  for (const row of rows)
    await raiseAlarm(db, {
      kind: "lane_paused",
      subject: subjectOf({ ledgerId: row.ledger_id, tokenId: row.token_id }),
      ledgerId: row.ledger_id,
      message: row.paused_reason ?? reason,
    })
  return rows.map((row) => ({ ...toPausedLane(row), wasPaused: row.was_paused })).sort(byKey)
}

/**
 * Lets lanes go on: their alarms are cleared, what failed on them is due at once, and whoever works on them is woken. A batch keeps the count of its failures, so that one that
 * fails again stops its lane again.
 * @param onlyBy only lanes that were paused so
 * @returns the lanes that were paused and are not any more, as they were
 */
export async function resumeLanes(
  db: Transaction<Database>,
  lanes: readonly LaneName[],
  onlyBy?: readonly PauseKind[],
): Promise<PausedLane[]> {
  const keys = sql`unnest(${lanes.map(({ ledgerId }) => ledgerId)}::uuid[], ${lanes.map(({ tokenId }) => tokenId)}::integer[]) AS k(ledger_id, token_id)`
  const isAsked = sql`l.paused_at IS NOT NULL AND (${onlyBy ?? null}::text[] IS NULL OR l.paused_by = ANY(${onlyBy ?? null}::text[]))`
  // Batches before lanes, as everybody locks them who needs both.
  await sql`
    WITH due AS MATERIALIZED (
      SELECT b.ledger_id, b.batch_sequence FROM settlement.batches b
      JOIN settlement.lanes l ON l.ledger_id = b.ledger_id AND l.token_id = b.token_id
      JOIN ${keys} ON k.ledger_id = l.ledger_id AND k.token_id = l.token_id
      WHERE ${isAsked} AND b.state IN ('sealed', 'simulated', 'signed', 'broadcast') AND b.retry_at IS NOT NULL
      ORDER BY b.ledger_id, b.batch_sequence FOR NO KEY UPDATE OF b
    )
    UPDATE settlement.batches b SET retry_at = NULL FROM due
    WHERE b.ledger_id = due.ledger_id AND b.batch_sequence = due.batch_sequence`.execute(db)
  const { rows } = await sql<PauseRow>`
    WITH paused AS MATERIALIZED (
      SELECT l.ledger_id, l.token_id, l.paused_at, l.paused_reason, l.paused_by
      FROM settlement.lanes l JOIN ${keys} ON k.ledger_id = l.ledger_id AND k.token_id = l.token_id
      WHERE ${isAsked} ORDER BY l.ledger_id, l.token_id FOR NO KEY UPDATE OF l
    )
    UPDATE settlement.lanes l SET paused_at = NULL, paused_reason = NULL, paused_by = NULL, resumed_at = clock_timestamp() FROM paused p
    WHERE l.ledger_id = p.ledger_id AND l.token_id = p.token_id
    RETURNING p.*`.execute(db)
  const resumed = rows.map(toPausedLane).sort(byKey)
  for (const lane of resumed) await clearAlarm(db, "lane_paused", subjectOf(lane))
  for (const ledgerId of new Set(resumed.map((lane) => lane.ledgerId)))
    await sql`SELECT pg_notify(${laneChangedChannel}, ${ledgerId})`.execute(db)
  return resumed
}

function subjectOf({ ledgerId, tokenId }: LaneName): string {
  return `lane:${ledgerId}:${tokenId}`
}

function toPausedLane(row: PauseRow): PausedLane {
  return {
    ledgerId: row.ledger_id,
    tokenId: row.token_id,
    pausedAt: row.paused_at,
    reason: row.paused_reason ?? "",
    by: row.paused_by,
  }
}

function byKey(a: LaneName, b: LaneName): number {
  return a.ledgerId === b.ledgerId ? a.tokenId - b.tokenId : a.ledgerId < b.ledgerId ? -1 : 1
}

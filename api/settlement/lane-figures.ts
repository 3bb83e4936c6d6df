import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { Logger } from "../../platform/logger.ts"
import { createBackgroundMeasurement } from "../background-measurement.ts"
import { savedPercent } from "../presenters/gas-saving.ts"

/** What waits in a settlement lane, as of the last measurement. */
export type LaneFigures = {
  /** Waiting changes, counted up to `waitingCountedMax`; null, as are the other figures of them, where the batcher takes nothing in: what waits in the log alone is not counted. */
  readonly waitingChanges: number | null
  /** Accounts that these changes are on. */
  readonly waitingRecipients: number | null
  /** When the first of them wants to be sealed; null where nothing waits, or nobody knows. */
  readonly earliestDeadline: Date | null
  readonly isPaused: boolean
  /** Of the waiting changes, those that credit. */
  readonly waitingCredits: number | null
  /** Of the newest confirmed batches whose savings were measured; null where there are none. */
  readonly recent: RecentBatches | null
}

export type RecentBatches = {
  /** Percent of the gas of one single call for each recipient. */
  readonly savedPercent: number | null
  readonly gasSavedPerRecipient: bigint
  /** From the seal to the confirmation, on average. */
  readonly processingMs: number
}

export type LaneBoard = {
  /** Never waits for the database; null where there is no recent measurement. */
  figuresOf(ledgerId: string, tokenId: number): LaneFigures | null
  /** Waits a short while where the measurement is too old to be shown. Never rejects. */
  whenCurrent(): Promise<void>
  /** Measures, unless that was done a moment ago. */
  refresh(): Promise<void>
}

/** A lane that nobody has made yet. */
const nothingWaits: LaneFigures = {
  waitingChanges: 0,
  waitingRecipients: 0,
  earliestDeadline: null,
  isPaused: false,
  waitingCredits: 0,
  recent: null,
}

const waitingCountedMax = 20_000
/** A batcher takes changes in within a second or two. */
const takenInWithin = sql`interval '5 seconds'`
const unknown = {
  waitingChanges: null,
  waitingRecipients: null,
  waitingCredits: null,
  earliestDeadline: null,
}
const recentBatches = 20

/** Measured in the background when somebody asks and the figures have aged: requests never pay for it, and an idle process asks nothing. */
export function createLaneBoard(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly maxAgeMs: number
}): LaneBoard {
  const { db, logger, maxAgeMs } = options
  let lanes = new Map<string, LaneFigures>()
  /** Ledgers of which nobody takes changes in. */
  let stuck: ReadonlySet<string> = new Set()
  let measuredAt = Number.NEGATIVE_INFINITY
  const measurement = createBackgroundMeasurement({
    measure,
    subject: "the settlement lanes",
    logger,
    maxAgeMs,
  })

  async function measure(): Promise<void> {
    const { rows } = await sql<{
      ledger_id: string
      token_id: number
      paused_at: Date | null
      changes: bigint
      recipients: bigint
      deadline: Date | null
      upward: bigint
      gas_used: bigint | null
      single_gas: bigint | null
      settled: bigint | null
      processing_ms: number | null
    }>`
      SELECT l.ledger_id, l.token_id, l.paused_at, w.*, r.*
      FROM settlement.lanes l
      CROSS JOIN LATERAL (
        SELECT count(*) AS changes, count(DISTINCT i.account_id) AS recipients, min(i.deadline) AS deadline,
          count(*) FILTER (WHERE i.amount > 0) AS upward
        FROM (
          SELECT account_id, deadline, amount FROM settlement.batch_items
          WHERE ledger_id = l.ledger_id AND token_id = l.token_id AND state = 'waiting'
          ORDER BY position LIMIT ${waitingCountedMax}
        ) AS i
      ) AS w
      CROSS JOIN LATERAL (
        SELECT sum(b.gas_used)::bigint AS gas_used, sum(b.single_gas_recipients)::bigint AS single_gas, sum(b.settled_recipients)::bigint AS settled,
          (extract(epoch FROM avg(b.confirmed_at - b.sealed_at)) * 1000)::float8 AS processing_ms
        FROM (
          SELECT * FROM settlement.batches
          WHERE ledger_id = l.ledger_id AND token_id = l.token_id AND state = 'confirmed'
          ORDER BY confirmed_at DESC LIMIT ${recentBatches}
        ) AS b
        WHERE b.accounted_position = b.confirmed_position AND b.single_gas_recipients IS NOT NULL
      ) AS r`.execute(db)
    lanes = new Map(
      rows.map((row) => [
        `${row.token_id}\n${row.ledger_id}`,
        {
          waitingChanges: Number(row.changes),
          waitingRecipients: Number(row.recipients),
          earliestDeadline: row.deadline,
          isPaused: row.paused_at !== null,
          waitingCredits: Number(row.upward),
          recent: recentOf(row),
        },
      ]),
    )
    const { rows: behind } = await sql<{ ledger_id: string }>`
      SELECT h.ledger_id FROM ledger.head h LEFT JOIN settlement.intake n USING (ledger_id)
      CROSS JOIN LATERAL (
        SELECT recorded_at FROM ledger.events WHERE ledger_id = h.ledger_id AND position > coalesce(n.position, 0) ORDER BY position LIMIT 1
      ) AS e
      WHERE e.recorded_at < now() - ${takenInWithin}`.execute(db)
    stuck = new Set(behind.map((row) => row.ledger_id))
    measuredAt = performance.now()
  }

  return {
    figuresOf(ledgerId, tokenId) {
      measurement.ask()
      if (!measurement.isCurrent(measuredAt)) return null
      const figures = lanes.get(`${tokenId}\n${ledgerId}`) ?? nothingWaits
      return stuck.has(ledgerId) ? { ...figures, ...unknown } : figures
    },
    async whenCurrent() {
      if (!measurement.isCurrent(measuredAt)) await measurement.wait()
    },
    refresh: measurement.refresh,
  }
}

function recentOf(row: {
  readonly gas_used: bigint | null
  readonly single_gas: bigint | null
  readonly settled: bigint | null
  readonly processing_ms: number | null
}): RecentBatches | null {
  const { gas_used: gasUsed, single_gas: singleGas, settled, processing_ms: processingMs } = row
  if (gasUsed === null || singleGas === null || settled === null || settled === 0n) return null
  return {
    savedPercent: savedPercent(singleGas, gasUsed),
    gasSavedPerRecipient: (singleGas - gasUsed) / settled,
    processingMs: processingMs ?? 0,
  }
}

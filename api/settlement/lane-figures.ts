import { type Kysely, sql } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { Logger } from "../../platform/logger.ts"
import { createBackgroundMeasurement } from "../background-measurement.ts"

/** What waits in a settlement lane, as of the last measurement. */
export type LaneFigures = {
  /** Waiting changes, counted up to `waitingCountedMax`. */
  readonly waitingChanges: number
  /** Accounts that these changes are on. */
  readonly waitingRecipients: number
  /** When the first of them wants to be sealed; null where nothing waits. */
  readonly earliestDeadline: Date | null
  readonly isPaused: boolean
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
}

const waitingCountedMax = 20_000

/** Measured in the background when somebody asks and the figures have aged: requests never pay for it, and an idle process asks nothing. */
export function createLaneBoard(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly maxAgeMs: number
}): LaneBoard {
  const { db, logger, maxAgeMs } = options
  let lanes = new Map<string, LaneFigures>()
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
    }>`
      SELECT l.ledger_id, l.token_id, l.paused_at, w.changes, w.recipients, w.deadline
      FROM settlement.lanes l
      CROSS JOIN LATERAL (
        SELECT count(*) AS changes, count(DISTINCT i.account_id) AS recipients, min(i.deadline) AS deadline
        FROM (
          SELECT account_id, deadline FROM settlement.batch_items
          WHERE ledger_id = l.ledger_id AND token_id = l.token_id AND state = 'waiting'
          ORDER BY position LIMIT ${waitingCountedMax}
        ) AS i
      ) AS w`.execute(db)
    lanes = new Map(
      rows.map((row) => [
        `${row.token_id}\n${row.ledger_id}`,
        {
          waitingChanges: Number(row.changes),
          waitingRecipients: Number(row.recipients),
          earliestDeadline: row.deadline,
          isPaused: row.paused_at !== null,
        },
      ]),
    )
    measuredAt = performance.now()
  }

  return {
    figuresOf(ledgerId, tokenId) {
      measurement.ask()
      if (!measurement.isCurrent(measuredAt)) return null
      return lanes.get(`${tokenId}\n${ledgerId}`) ?? nothingWaits
    },
    async whenCurrent() {
      if (!measurement.isCurrent(measuredAt)) await measurement.wait()
    },
    refresh: measurement.refresh,
  }
}

import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { PauseKind } from "../../ledger/store/pause-lanes.ts"

export type LaneRow = {
  readonly token_id: number
  readonly paused_at: Date | null
  readonly paused_by: PauseKind | null
  readonly paused_reason: string | null
}

export function readLanes(db: Kysely<Database>, ledgerId: string): Promise<readonly LaneRow[]> {
  return db
    .selectFrom("settlement.lanes")
    .select(["token_id", "paused_at", "paused_by", "paused_reason"])
    .where("ledger_id", "=", ledgerId)
    .orderBy("token_id")
    .execute()
}

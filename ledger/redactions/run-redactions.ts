import { type Kysely, sql } from "kysely"
import type { Logger } from "../../platform/logger.ts"
import { type Loop, startLoop } from "../../platform/loop.ts"
import type { Database } from "../store/database.ts"
import { continueRedaction } from "./continue-redaction.ts"

const pollMs = 1_000
/** Rest between two steps of an erasure, so that whoever writes to the ledger meanwhile is served in between. */
const gapMs = 50

/** Goes on with the erasures that one answer could not finish, for as long as the process lives. Any number of processes may run it. */
export function runRedactions(options: { readonly db: Kysely<Database>; readonly logger: Logger }): Loop {
  const { db, logger } = options

  async function turn(): Promise<number> {
    const { rows } = await sql<{ ledger_id: string; position: bigint }>`
      SELECT ledger_id, position FROM ledger.redactions WHERE finished_at IS NULL
      ORDER BY ledger_id, position LIMIT 100`.execute(db)
    for (const { ledger_id: ledgerId, position } of rows) {
      const { isFinished, redacted } = await continueRedaction(db, ledgerId, position, new Date())
      if (isFinished) logger.info({ ledgerId, position, redacted }, "a user's details were erased")
    }
    return rows.length === 0 ? pollMs : 0
  }

  return startLoop({ name: "redactions", logger, gapMs, turn })
}

import { type Kysely, sql } from "kysely"
import { beginRedaction } from "../../ledger/redactions/begin-redaction.ts"
import { continueRedaction } from "../../ledger/redactions/continue-redaction.ts"
import type { Database } from "../../ledger/store/database.ts"
import { hasUser } from "../../ledger/store/has-user.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { createProgressBar } from "../progress-bar.ts"
import { chooseLedger } from "./choose-ledger.ts"
import { commandInitiator } from "./command-initiator.ts"
import { withDatabase } from "./open-database.ts"

export type RedactOptions = {
  readonly dataDir: string
  readonly ledger?: string
  readonly user: string
  readonly reason: string
}

/** Between two steps, so that whoever writes to the ledger meanwhile is served. */
const gapMs = 50

/** `chainbridge redact`: erases what was said of a user, all of it that is recorded now, step by step. Interrupted, a worker or the next call goes on. */
export async function redactCommand(options: RedactOptions): Promise<void> {
  const { user: userId, reason } = options
  await withDatabase(options.dataDir, async (db) => {
    const { ledgerId, name } = await chooseLedger(db, options.ledger)
    if (!(await hasUser(db, ledgerId, userId)))
      throw new ChainBridgeError("UNKNOWN_USER", `${name} has no user ${JSON.stringify(userId)}`)
    let erased = 0n
    for (const position of await openRedactions(db, ledgerId, userId))
      erased += await finish(db, ledgerId, position, erased)
    const erasure = { userId, reason, requestedBy: "command", initiator: commandInitiator() }
    const position = await beginRedaction(db, ledgerId, erasure, new Date())
    if (position !== null) erased += await finish(db, ledgerId, position, erased)
    process.stderr.write(
      erased === 0n
        ? `nothing that was said of ${userId} is left in ${name}\n`
        : `erased the details of ${erased} events of ${userId} in ${name}; hashes, balances and proofs stay as they are\n`,
    )
  })
}

async function openRedactions(
  db: Kysely<Database>,
  ledgerId: string,
  userId: string,
): Promise<readonly bigint[]> {
  const rows = await db
    .selectFrom("ledger.redactions")
    .select("position")
    .where("ledger_id", "=", ledgerId)
    .where("user_id", "=", userId)
    .where("finished_at", "is", null)
    .orderBy("position")
    .execute()
  return rows.map((row) => row.position)
}

/** @returns of how many events this erasure has erased the details in all */
async function finish(
  db: Kysely<Database>,
  ledgerId: string,
  position: bigint,
  before: bigint,
): Promise<bigint> {
  const total = await countLeft(db, ledgerId, position)
  const bar = createProgressBar("erasing", () => Number(before + total))
  for (;;) {
    const { isFinished, redacted } = await continueRedaction(db, ledgerId, position, new Date())
    bar.update(Number(before + redacted))
    if (isFinished) {
      bar.end()
      return redacted
    }
    await new Promise((resolve) => setTimeout(resolve, gapMs))
  }
}

async function countLeft(db: Kysely<Database>, ledgerId: string, position: bigint): Promise<bigint> {
  const { rows } = await sql<{ total: bigint }>`
    SELECT r.redacted + count(e.position) AS total
    FROM ledger.redactions r
    JOIN ledger.accounts a ON a.ledger_id = r.ledger_id AND a.user_id = r.user_id
    LEFT JOIN ledger.event_log e ON e.ledger_id = a.ledger_id AND e.account_id = a.account_id
      AND e.position > r.cursor AND e.position < r.position AND e.details IS NOT NULL
    WHERE r.ledger_id = ${ledgerId} AND r.position = ${position} GROUP BY r.redacted`.execute(db)
  return rows[0]?.total ?? 0n
}

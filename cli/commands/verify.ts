import { type Kysely, sql } from "kysely"
import { verifyLedger } from "../../ledger/audit/verify-ledger.ts"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import { keepYoungGeneration } from "../../platform/keep-young-generation.ts"
import { createProgressBar } from "../progress-bar.ts"
import { withDatabase } from "./open-database.ts"

/** Below it, the answer is there before a bar would be. */
const progressEvents = 100_000n
const unregistered = "(not registered)"

/** `chainbridge verify`: a line for each ledger; sets the exit code to 1 when one does not hold, or could not be read. */
export async function verifyCommand(options: {
  readonly dataDir: string
  readonly ledger?: string
}): Promise<void> {
  keepYoungGeneration()
  await withDatabase(options.dataDir, async (db) => {
    const all = await readLedgers(db)
    const chosen = all.filter(
      ({ ledger_id, name }) =>
        options.ledger === undefined || ledger_id === options.ledger || name === options.ledger,
    )
    if (chosen.length === 0) {
      const known = all.map(({ ledger_id, name }) => `${ledger_id} (${name})`).join(", ")
      throw new ChainBridgeError(
        "UNKNOWN_LEDGER",
        all.length === 0
          ? "there is no ledger yet"
          : `there is no ledger ${JSON.stringify(options.ledger)}; there are: ${known}`,
      )
    }
    for (const { ledger_id: ledgerId, name } of chosen) {
      process.exitCode = (await holds(db, ledgerId, name ?? unregistered)) ? process.exitCode : 1
      if (name === null) {
        process.stdout.write(`FAILED ${unregistered} ${ledgerId}: registry.ledgers does not have it\n`)
        process.exitCode = 1
      }
    }
  })
}

/**
 * Those that have a head, a balance or an event and are not registered as well: a ledger that somebody has hidden must not be passed over. The log has no index of its ledgers alone: each is looked up
 * behind the one before it.
 */
async function readLedgers(db: Kysely<Database>): Promise<{ ledger_id: string; name: string | null }[]> {
  const { rows } = await sql<{ ledger_id: string; name: string | null }>`
    WITH RECURSIVE logged AS (
      (SELECT ledger_id FROM ledger.event_log ORDER BY ledger_id LIMIT 1)
      UNION ALL
      SELECT (SELECT e.ledger_id FROM ledger.event_log e WHERE e.ledger_id > l.ledger_id ORDER BY e.ledger_id LIMIT 1)
      FROM logged l WHERE l.ledger_id IS NOT NULL
    )
    SELECT ledger_id, name FROM registry.ledgers FULL JOIN (
      SELECT ledger_id FROM ledger.head UNION SELECT ledger_id FROM ledger.accounts UNION SELECT ledger_id FROM ledger.balances
      UNION SELECT ledger_id FROM logged WHERE ledger_id IS NOT NULL
    ) AS known USING (ledger_id) ORDER BY name`.execute(db)
  return rows
}

/** What keeps one ledger from being read does not keep the others from it. */
async function holds(db: Kysely<Database>, ledgerId: string, name: string): Promise<boolean> {
  try {
    return await verifyOne(db, ledgerId, name)
  } catch (error) {
    process.stdout.write(`FAILED ${name} ${ledgerId}: ${describeError(error)}\n`)
    return false
  }
}

async function verifyOne(db: Kysely<Database>, ledgerId: string, name: string): Promise<boolean> {
  let total = 0n
  const began = performance.now()
  const bar = createProgressBar(`verify ${name}`, () => Number(total))
  const result = await verifyLedger(db, ledgerId, (done, of) => {
    total = of
    const perSecond = Math.round(Number(done) / ((performance.now() - began) / 1_000))
    if (of >= progressEvents) bar.update(Number(done), `${perSecond} events/s`)
  }).finally(() => {
    if (total >= progressEvents) bar.end()
  })
  if (!result.ok) {
    process.stdout.write(
      `FAILED ${name} ${ledgerId}: ${result.problem} (position ${result.position ?? "none"})\n`,
    )
    return false
  }
  const seconds = (performance.now() - began) / 1_000
  const { events, accounts, redacted, headHash, uncompared } = result
  process.stdout.write(
    `ok ${name} ${ledgerId}: ${events} events, ${accounts} accounts, ${redacted} redacted, head ${headHash}\n` +
      `   ${seconds.toFixed(1)} s, ${Math.round(Number(events) / seconds)} events/s, peak memory ${Math.round(process.resourceUsage().maxRSS / 1_024)} MB\n`,
  )
  if (uncompared.length > 0)
    process.stdout.write(
      `   not compared, because this version has not built them: ${uncompared.map((each) => `analytics.${each}`).join(", ")}\n`,
    )
  return true
}

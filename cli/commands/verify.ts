import type { Kysely } from "kysely"
import { verifyLedger } from "../../ledger/audit/verify-ledger.ts"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import { keepYoungGeneration } from "../../platform/keep-young-generation.ts"
import { createProgressBar } from "../progress-bar.ts"
import { withDatabase } from "./open-database.ts"

/** Below it, the answer is there before a bar would be. */
const progressEvents = 100_000n

/** `chainbridge verify`: a line for each ledger; sets the exit code to 1 when one does not hold, or could not be read. */
export async function verifyCommand(options: {
  readonly dataDir: string
  readonly ledger?: string
}): Promise<void> {
  keepYoungGeneration()
  await withDatabase(options.dataDir, async (db) => {
    const all = await db
      .selectFrom("registry.ledgers")
      .select(["ledger_id", "name"])
      .orderBy("name")
      .execute()
    const chosen = all.filter(({ ledger_id }) => options.ledger === undefined || ledger_id === options.ledger)
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
      process.exitCode = (await holds(db, ledgerId, name)) ? process.exitCode : 1
    }
  })
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
  const { events, accounts, redacted, headHash } = result
  process.stdout.write(
    `ok ${name} ${ledgerId}: ${events} events, ${accounts} accounts, ${redacted} redacted, head ${headHash}\n` +
      `   ${seconds.toFixed(1)} s, ${Math.round(Number(events) / seconds)} events/s, peak memory ${Math.round(process.resourceUsage().maxRSS / 1_024)} MB\n`,
  )
  return true
}

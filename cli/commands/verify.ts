import { verifyLedger } from "../../ledger/audit/verify-ledger.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { withDatabase } from "./open-database.ts"

/** `chainbridge verify`: a line for each ledger; sets the exit code to 1 when one does not hold. */
export async function verifyCommand(options: {
  readonly dataDir: string
  readonly ledger?: string
}): Promise<void> {
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
      const result = await verifyLedger(db, ledgerId)
      if (result.ok) {
        process.stdout.write(
          `ok ${name} ${ledgerId}: ${result.events} events, ${result.accounts} accounts, head ${result.headHash}\n`,
        )
      } else {
        process.stdout.write(
          `FAILED ${name} ${ledgerId}: ${result.problem} (position ${result.position ?? "none"})\n`,
        )
        process.exitCode = 1
      }
    }
  })
}

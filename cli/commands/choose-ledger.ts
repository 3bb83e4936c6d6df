import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { ChainBridgeError } from "../../platform/errors.ts"

export type ChosenLedger = { readonly ledgerId: string; readonly name: string }

/**
 * The ledger that a command works on: the one that is named by its id or its app's name, or the only one there is.
 * @throws ChainBridgeError UNKNOWN_LEDGER, naming those that there are
 */
export async function chooseLedger(db: Kysely<Database>, wanted: string | undefined): Promise<ChosenLedger> {
  const all = await db.selectFrom("registry.ledgers").select(["ledger_id", "name"]).orderBy("name").execute()
  const fitting = all.filter(
    ({ ledger_id, name }) => wanted === undefined || wanted === ledger_id || wanted === name,
  )
  const [ledger] = fitting
  if (ledger !== undefined && fitting.length === 1) return { ledgerId: ledger.ledger_id, name: ledger.name }
  const known = all.map(({ ledger_id, name }) => `${name} (${ledger_id})`).join(", ")
  if (all.length === 0) throw new ChainBridgeError("UNKNOWN_LEDGER", "there is no ledger yet")
  throw new ChainBridgeError(
    "UNKNOWN_LEDGER",
    wanted === undefined
      ? `name one with --ledger; there are: ${known}`
      : `there is no ledger ${JSON.stringify(wanted)}; there are: ${known}`,
  )
}

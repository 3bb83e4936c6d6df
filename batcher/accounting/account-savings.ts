import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { singleGasOf } from "../domain/single-gas.ts"
import {
  loadUnaccountedBatches,
  loadUnaccountedNettings,
  readNettedAccounts,
  readSettledAccounts,
  saveBatchSaving,
  saveNettingSaving,
} from "../store/unaccounted.ts"

const itemsPerTurn = 50

/**
 * Computes what confirmed batches and nettings would have cost as single calls, from the calibration that was in force when they were sealed and the balances that the chain had.
 * Any process may do it at any time: each is stored once.
 * @returns whether there is more to do
 */
export async function accountSavings(db: Kysely<Database>): Promise<boolean> {
  const batches = await loadUnaccountedBatches(db, itemsPerTurn)
  for (const batch of batches) {
    const accounts = await readSettledAccounts(db, batch)
    const single = batch.calibration === null ? null : singleGasOf(accounts, batch.calibration.costs)
    const credited = accounts.filter(({ amounts }) => amounts.reduce((sum, amount) => sum + amount, 0n) > 0n)
    await saveBatchSaving(db, batch, {
      recipients: accounts.length,
      changes: accounts.reduce((count, { amounts }) => count + amounts.length, 0),
      credited: credited.length,
      newHolders: credited.filter(({ heldBefore }) => heldBefore <= 0n).length,
      singleGasRecipients: single?.perRecipient ?? null,
      singleGasChanges: single?.perChange ?? null,
    })
  }
  const nettings = await loadUnaccountedNettings(db, itemsPerTurn)
  for (const netting of nettings) {
    const accounts = netting.calibration === null ? [] : await readNettedAccounts(db, netting)
    const single = netting.calibration === null ? null : singleGasOf(accounts, netting.calibration.costs)
    await saveNettingSaving(db, netting, single?.perChange ?? null)
  }
  return batches.length === itemsPerTurn || nettings.length === itemsPerTurn
}

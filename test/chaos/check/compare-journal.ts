import { baseUnitsOf } from "../../demo/expect-outcomes.ts"
import type { JournalEntry } from "../../demo/journal.ts"
import type { FoldedLog } from "./fold-log.ts"

/** Holds what the client was answered against what the log recorded. Nobody else wrote to the ledger. */
export function compareJournal(
  log: Pick<FoldedLog, "operations">,
  journal: readonly JournalEntry[],
  decimals: number,
): string[] {
  const problems: string[] = []
  const known = new Set<string>()
  for (const entry of journal) {
    const id = entry.operation_id
    // The stream never names a sequence, so it is 0.
    const key = `${id}/0`
    const recorded = log.operations.get(key)
    if (known.has(key)) problems.push(`${id} has two answers in the journal`)
    known.add(key)
    if (entry.outcome === "refused") {
      if (recorded !== undefined) problems.push(`${id} was refused (${entry.code}) and is in the log`)
      continue
    }
    if (recorded === undefined) {
      problems.push(`${id} was accepted and is not in the log`)
      continue
    }
    const wanted = entry.adjustments.map(
      ({ user_id, amount }) => `${user_id} ${baseUnitsOf(amount, decimals)}`,
    )
    const found = recorded.changes.map(({ userId, amount }) => `${userId} ${amount}`)
    if (wanted.join() !== found.join()) problems.push(`${id} was recorded with other changes than were sent`)
    if (recorded.lastPosition.toString() !== entry.position)
      problems.push(`${id} was answered with position ${entry.position} and is at ${recorded.lastPosition}`)
  }
  for (const key of log.operations.keys())
    if (!known.has(key)) problems.push(`${key} is in the log and has no answer in the journal`)
  return problems
}

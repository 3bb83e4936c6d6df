import type { ExpectedOutcome } from "./expect-outcomes.ts"
import type { JournalEntry } from "./journal.ts"

/** Sentences about operations that were answered otherwise than they had to be. */
export function unexpectedOutcomes(
  outcomes: ReadonlyMap<string, ExpectedOutcome>,
  entries: ReadonlyMap<string, JournalEntry>,
): string[] {
  const sentences: string[] = []
  for (const [id, expected] of outcomes) {
    const entry = entries.get(id)
    const got = entry === undefined ? "no answer" : entry.outcome === "accepted" ? "accepted" : entry.code
    const wanted = expected.accepted ? "accepted" : expected.code
    if (got !== wanted) sentences.push(`${id}: expected ${wanted}, got ${got}`)
  }
  return sentences.length <= 10
    ? sentences
    : [...sentences.slice(0, 10), `and ${sentences.length - 10} more outcomes that were not expected`]
}

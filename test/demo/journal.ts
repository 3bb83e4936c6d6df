import { closeSync, existsSync, mkdirSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs"
import { dirname } from "node:path"
import type { StreamOperation } from "./stream-operation.ts"

/** What the client knows for certain: one line for each operation that has had an answer. */
export type JournalEntry = {
  readonly operation_id: string
  readonly adjustments: readonly { readonly user_id: string; readonly amount: string }[]
} & (
  | { readonly outcome: "accepted"; readonly position: string; readonly data_digest: string }
  | { readonly outcome: "refused"; readonly code: string }
)

export type Journal = {
  readonly entries: ReadonlyMap<string, JournalEntry>
  add(entry: JournalEntry): void
  close(): void
}

/** Opens the journal of a run; a last line that a kill cut short counts as never written. */
export function openJournal(path: string): Journal {
  mkdirSync(dirname(path), { recursive: true })
  const entries = new Map(readJournal(path).map((entry) => [entry.operation_id, entry]))
  const file = openSync(path, "a", 0o600)
  return {
    entries,
    // Written through before anything that depends on the answer is sent: a killed client never forgets a refusal.
    add(entry) {
      writeSync(file, `${JSON.stringify(entry)}\n`)
      entries.set(entry.operation_id, entry)
    },
    close: () => closeSync(file),
  }
}

/** The whole lines of a journal; a torn end is cut off. */
export function readJournal(path: string): JournalEntry[] {
  if (!existsSync(path)) return []
  const bytes = readFileSync(path)
  const end = bytes.lastIndexOf(0x0a) + 1
  if (end < bytes.length) truncateSync(path, end)
  return bytes
    .subarray(0, end)
    .toString("utf8")
    .split("\n")
    .flatMap((line) => (line === "" ? [] : [JSON.parse(line) as JournalEntry]))
}

export function entryOf(
  operation: StreamOperation,
  outcome:
    | { readonly outcome: "accepted"; readonly position: string; readonly data_digest: string }
    | { readonly outcome: "refused"; readonly code: string },
): JournalEntry {
  return {
    operation_id: operation.operation_id,
    adjustments: operation.adjustments.map(({ user_id, amount }) => ({ user_id, amount })),
    ...outcome,
  }
}

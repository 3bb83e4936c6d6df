import type { Kysely } from "kysely"
import type pg from "pg"
import type { Database } from "../../ledger/store/database.ts"
import { findOperations } from "../../ledger/store/find-operations.ts"
import type { LedgerMemory } from "../../ledger/writer/account-memory.ts"
import type { TokenDirectory } from "../../ledger/writer/token-directory.ts"
import { type GroupOutcome, writeGroup } from "../../ledger/writer/write-group.ts"
import { unreachable } from "../../platform/errors.ts"
import { refuseCommand } from "../ledger/refuse-command.ts"
import type { FieldError } from "../refusal.ts"
import { type ClaimedImport, type ImportProgress, type Lease, noteProgress } from "./import-store.ts"
import { refusalOfLine } from "./line-refusal.ts"
import type { KeyedLine, PreparedLine } from "./prepare-lines.ts"

type LineOutcome =
  | { readonly outcome: "applied" | "replayed" }
  | { readonly outcome: "refused"; readonly refusal: FieldError }

export type GroupPlace = Pick<ImportProgress, "fromByte" | "nextByte" | "nextLine">

export type SettlingContext = {
  readonly db: Kysely<Database>
  /** Of createWriterPool. */
  readonly writerPool: pg.Pool
  readonly tokens: TokenDirectory
  readonly memory: LedgerMemory
  readonly row: ClaimedImport
  readonly lease: Lease
  readonly leaseMs: number
}

/**
 * Has lines recorded in their order and notes in the same transaction that they are settled: whatever happens, both have, or neither has. A line is `replayed` that was recorded before,
 * under the key that it names.
 * @param group where the lines stand in the file
 * @throws where the import is no longer ours, or does not stand there: nothing was recorded then; see isLeaseLost
 */
export async function settleLines(
  context: SettlingContext,
  lines: readonly PreparedLine[],
  group: GroupPlace,
): Promise<void> {
  const { ledger_id: ledgerId } = context.row
  const outcomes = await settleUnresolved(context.db, ledgerId, lines)
  const open = lines.filter((line): line is CommandLine => "command" in line)

  function progressOf(written: readonly GroupOutcome[]): ImportProgress {
    for (const [index, line] of open.entries()) {
      const outcome = written[index]
      if (outcome === undefined) throw new TypeError("the writer left a line out")
      outcomes.set(line.line, outcomeOf(ledgerId, line, outcome))
    }
    const all = [...outcomes].sort(([a], [b]) => a - b)
    const count = (wanted: LineOutcome["outcome"]) =>
      all.filter(([, { outcome }]) => outcome === wanted).length
    return {
      ...group,
      applied: count("applied"),
      replayed: count("replayed"),
      refusals: all.flatMap(([line, outcome]) =>
        outcome.outcome === "refused" ? [{ line, ...refusalOfLine(outcome.refusal) }] : [],
      ),
    }
  }

  await writeGroup(
    context.writerPool,
    context.tokens,
    context.memory,
    ledgerId,
    open.map(({ command }) => command),
    () => new Date(),
    {
      alongside: (written) => [
        noteProgress(context.row, context.lease, context.leaseMs, progressOf(written)),
      ],
    },
  )
}

type CommandLine = Extract<KeyedLine, { command: unknown }>

/** By line, of those that cannot be recorded. One that the registry of now refuses may have been recorded under its own key when it did not. */
async function settleUnresolved(
  db: Kysely<Database>,
  ledgerId: string,
  lines: readonly PreparedLine[],
): Promise<Map<number, LineOutcome>> {
  const nameOf = (key: { operationId: string; sequence: number }) => `${key.sequence}\n${key.operationId}`
  const unresolved = lines.filter((line) => "refusal" in line)
  const keys = new Map(unresolved.flatMap(({ key, isOwnKey }) => (isOwnKey ? [[nameOf(key), key]] : [])))
  const found = keys.size === 0 ? [] : await findOperations(db, ledgerId, [...keys.values()])
  const stored = new Map(found.map((operation) => [nameOf(operation), operation]))
  const outcomes = new Map<number, LineOutcome>()
  for (const line of lines) {
    if ("unreadable" in line) outcomes.set(line.line, { outcome: "refused", refusal: line.unreadable })
    if (!("refusal" in line)) continue
    const known = line.isOwnKey ? stored.get(nameOf(line.key)) : undefined
    if (known === undefined) outcomes.set(line.line, { outcome: "refused", refusal: line.refusal })
    else if (known.requestHash.equals(line.requestHash)) outcomes.set(line.line, { outcome: "replayed" })
    else outcomes.set(line.line, conflict())
  }
  return outcomes
}

function outcomeOf(ledgerId: string, line: CommandLine, written: GroupOutcome): LineOutcome {
  switch (written.outcome) {
    case "recorded":
      return { outcome: "applied" }
    case "replay":
      return { outcome: "replayed" }
    case "conflict":
      return conflict()
    case "refused": {
      const { errors, refused: code } = refuseCommand(written.refusal, {
        ledgerId,
        tokenOf: () => line.token,
        amountField: () => line.amountField,
      })
      const refusal = errors[0] ?? { field: null, code, message: "the line was refused" }
      return { outcome: "refused", refusal }
    }
    default:
      return unreachable(written)
  }
}

function conflict(): LineOutcome {
  const message =
    "operation_id and sequence are recorded with other content; use a new operation_id or sequence for a new operation"
  return { outcome: "refused", refusal: { field: "operation_id", code: "IDEMPOTENCY_CONFLICT", message } }
}

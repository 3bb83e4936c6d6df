import type { Kysely } from "kysely"
import type pg from "pg"
import type { Database } from "../../ledger/store/database.ts"
import { findOperations, type StoredOperation } from "../../ledger/store/find-operations.ts"
import { withHead } from "../../ledger/store/ledger-transaction.ts"
import type { LedgerMemory } from "../../ledger/writer/account-memory.ts"
import type { TokenDirectory } from "../../ledger/writer/token-directory.ts"
import { type GroupOutcome, writeGroup } from "../../ledger/writer/write-group.ts"
import { unreachable } from "../../platform/errors.ts"
import { refuseCommand } from "../ledger/refuse-command.ts"
import type { FieldError } from "../refusal.ts"
import type { KeyedLine, LineOrigin, PreparedLine } from "./prepare-lines.ts"

export type LineOutcome = {
  readonly line: number
  /** `applied` by this import, now or before it was interrupted; `replayed`: recorded before, under the same key. */
  readonly outcome: "applied" | "replayed" | "refused"
  readonly refusal?: FieldError
}

export type SettlingContext = {
  readonly db: Kysely<Database>
  /** Of createWriterPool. */
  readonly writerPool: pg.Pool
  readonly tokens: TokenDirectory
  readonly memory: LedgerMemory
  readonly ledgerId: string
  readonly importId: string
}

/**
 * Has lines recorded in their order, by the writer and in one transaction, and says of each what became of it.
 * @param isRecovering whether a run that was interrupted may have recorded some of them without having noted it
 */
export async function settleLines(
  context: SettlingContext,
  lines: readonly PreparedLine[],
  isRecovering: boolean,
): Promise<LineOutcome[]> {
  const outcomes = isRecovering ? await recover(context, lines) : await findUnresolved(context, lines)
  const open = lines.filter((line): line is CommandLine => "command" in line && !outcomes.has(line.line))
  const written =
    open.length === 0
      ? []
      : await writeGroup(
          context.writerPool,
          context.tokens,
          context.memory,
          context.ledgerId,
          open.map(({ command }) => command),
          () => new Date(),
        )
  for (const [index, line] of open.entries()) {
    const outcome = written[index]
    if (outcome === undefined) throw new TypeError("the writer left a line out")
    outcomes.set(line.line, outcomeOf(context, line, outcome))
  }
  return lines.map((line) => outcomes.get(line.line) ?? refused(line.line, faultOf(line)))
}

type CommandLine = Extract<KeyedLine, { command: unknown }>

/**
 * What an interrupted run had recorded is found by its key. It recorded a group as a whole and began none before it knew the one before to be recorded; so a line before one that is recorded had been
 * decided as well, and if nothing is recorded of it, it had been refused. Decided again it might be paid with the money of later lines.
 */
async function recover(
  context: SettlingContext,
  lines: readonly PreparedLine[],
): Promise<Map<number, LineOutcome>> {
  const { db, ledgerId, importId } = context
  const keyed = lines.filter((line): line is KeyedLine => "key" in line)
  // Behind the lock of the head: a group whose connection was lost in its COMMIT has ended by then.
  const known = await withHead(db, ledgerId, ({ trx }) => findKnown(trx, ledgerId, keyed))
  const outcomes = new Map<number, LineOutcome>()
  let decidedUpTo = 0
  for (const line of keyed) {
    const stored = known.get(line.line)
    if (stored === undefined) continue
    outcomes.set(line.line, outcomeOfStored(importId, line, stored))
    if (isOwn(stored, importId, line.line)) decidedUpTo = Math.max(decidedUpTo, line.line)
  }
  for (const line of keyed) {
    if ("command" in line && !known.has(line.line) && line.line < decidedUpTo)
      outcomes.set(line.line, refused(line.line, refusalOfThen(line)))
  }
  return outcomes
}

/** A line that the registry of now refuses may have been recorded under its own key when it did not. */
async function findUnresolved(
  { db, ledgerId, importId }: SettlingContext,
  lines: readonly PreparedLine[],
): Promise<Map<number, LineOutcome>> {
  const asked = lines.filter((line): line is KeyedLine => "refusal" in line && line.isOwnKey)
  const known = asked.length === 0 ? new Map<number, StoredOperation>() : await findKnown(db, ledgerId, asked)
  const outcomes = new Map<number, LineOutcome>()
  for (const line of asked) {
    const stored = known.get(line.line)
    if (stored !== undefined) outcomes.set(line.line, outcomeOfStored(importId, line, stored))
  }
  return outcomes
}

/** By line. */
async function findKnown(
  db: Kysely<Database>,
  ledgerId: string,
  lines: readonly KeyedLine[],
): Promise<Map<number, StoredOperation>> {
  const nameOf = (key: { operationId: string; sequence: number }) => `${key.sequence}\n${key.operationId}`
  const keys = new Map(lines.map(({ key }) => [nameOf(key), key]))
  const found = await findOperations(db, ledgerId, [...keys.values()])
  const stored = new Map(found.map((operation) => [nameOf(operation), operation]))
  const known = new Map<number, StoredOperation>()
  for (const { line, key } of lines) {
    const operation = stored.get(nameOf(key))
    if (operation !== undefined) known.set(line, operation)
  }
  return known
}

function outcomeOf(
  { ledgerId, importId }: SettlingContext,
  line: CommandLine,
  written: GroupOutcome,
): LineOutcome {
  switch (written.outcome) {
    case "recorded":
      return { line: line.line, outcome: "applied" }
    case "replay":
      return outcomeOfStored(importId, line, written.stored)
    case "conflict":
      return conflict(line)
    case "refused": {
      const { errors, refused: code } = refuseCommand(written.refusal, {
        ledgerId,
        tokenOf: () => line.token,
        amountField: () => line.amountField,
      })
      return refused(line.line, errors[0] ?? { field: null, code, message: "the line was refused" })
    }
    default:
      return unreachable(written)
  }
}

function outcomeOfStored(importId: string, line: KeyedLine, stored: StoredOperation): LineOutcome {
  if (!stored.requestHash.equals(line.requestHash)) return conflict(line)
  return { line: line.line, outcome: isOwn(stored, importId, line.line) ? "applied" : "replayed" }
}

function isOwn(stored: StoredOperation, importId: string, line: number): boolean {
  const origin = stored.answerContext as Partial<LineOrigin> | null
  return origin?.import_id === importId && origin.line === line
}

function refused(line: number, refusal: FieldError): LineOutcome {
  return { line, outcome: "refused", refusal }
}

function conflict({ line, key }: KeyedLine): LineOutcome {
  const message = `operation "${key.operationId}" with sequence ${key.sequence} is recorded with other content; use a new operation_id or sequence for a new operation`
  return refused(line, { field: "operation_id", code: "IDEMPOTENCY_CONFLICT", message })
}

function faultOf(line: PreparedLine): FieldError {
  if ("unreadable" in line) return line.unreadable
  if ("refusal" in line) return line.refusal
  throw new TypeError("a line was neither written nor refused")
}

function refusalOfThen({ isDebit, amountField: field }: KeyedLine): FieldError {
  return isDebit
    ? { field, code: "INSUFFICIENT_BALANCE", message: "the debit was larger than what could be spent" }
    : { field, code: "BALANCE_OUT_OF_RANGE", message: "the balance would have passed 2^255 base units" }
}

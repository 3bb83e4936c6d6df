import { type Kysely, sql } from "kysely"
import type pg from "pg"
import type { Database } from "../../ledger/store/database.ts"
import { createAccountMemory } from "../../ledger/writer/account-memory.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { isTransientPostgresError } from "../../platform/postgres.ts"
import type { RegistrySnapshot } from "../registry/registry-snapshot.ts"
import {
  type ClaimedImport,
  defaultsOf,
  extendLease,
  finishImport,
  type ImportProgress,
  type Lease,
  saveProgress,
} from "./import-store.ts"
import { type LineRules, type PreparedLine, prepareLines } from "./prepare-lines.ts"
import { chunkBytes } from "./receive-import.ts"
import { createRecordReader, type RawRecord } from "./record-reader.ts"
import { type LineOutcome, type SettlingContext, settleLines } from "./settle-lines.ts"

const groupBytesMax = 4 * 1024 * 1024

export type ImportContext = {
  readonly db: Kysely<Database>
  /** Of createWriterPool. */
  readonly writerPool: pg.Pool
  readonly registry: { current(): Promise<RegistrySnapshot> }
  readonly logger: Logger
  readonly leaseMs: number
  /** Lines that go to the writer as one group: for as long as it takes nobody else writes to the ledger. */
  readonly groupLines: number
  /** How long a group is tried again after a fault of the database. */
  readonly retryForMs: number
}

type Group = { readonly records: readonly RawRecord[]; readonly isFirst: boolean }

/**
 * Goes on with an import from its last checkpoint to its end. A line is recorded under its key, once, whoever works on it and however often it is begun again.
 * @param shouldStop asked between groups
 * @returns whether the import is finished; false where it was stopped, or somebody else has taken it over
 * @throws what the database or the log throws; everything that is noted stands
 */
export async function applyImport(
  context: ImportContext,
  row: ClaimedImport,
  lease: Lease,
  shouldStop: () => boolean,
): Promise<boolean> {
  const { db, leaseMs } = context
  const settling: SettlingContext = {
    ...context,
    tokens: createTokenDirectory(db, row.ledger_id),
    memory: createAccountMemory()(),
    ledgerId: row.ledger_id,
    importId: row.import_id,
  }
  const rules: LineRules = {
    importId: row.import_id,
    operationId: row.operation_id,
    columns: row.columns,
    defaults: defaultsOf(row),
    lineBytesMax: row.line_bytes_max,
  }
  let refused = Number(row.refused)
  let isHeld = true
  let isBeating = false
  const heartbeat = setInterval(() => {
    if (isBeating) return
    isBeating = true
    extendLease(db, row, lease, leaseMs)
      .catch(() => undefined)
      .finally(() => {
        isBeating = false
      })
  }, leaseMs / 3)

  // While one group is written the next one is read, and the one before noted.
  let underWay: Promise<() => Promise<void>> = Promise.resolve(() => Promise.resolve())
  let noted: Promise<void> = Promise.resolve()

  async function note(progress: ImportProgress): Promise<void> {
    if (!(await saveProgress(db, row, lease, leaseMs, progress))) isHeld = false
  }

  async function settle(
    { records, isFirst }: Group,
    lines: readonly PreparedLine[],
  ): Promise<() => Promise<void>> {
    const outcomes = await settleWithRetry(context, settling, lines, isFirst)
    const progress = progressOf(records, outcomes, row.refused_kept_max - refused)
    refused += progress.refused
    return () => note(progress)
  }

  /** Waits for the group under way and begins to note it; the one before is noted by then. */
  async function passOn(): Promise<void> {
    const save = await underWay
    await noted
    noted = save()
    noted.catch(() => undefined)
  }

  try {
    for await (const group of readGroups(db, row, context.groupLines)) {
      const lines = prepareLines(group.records, rules, await context.registry.current(), new Date())
      await passOn()
      if (!isHeld || shouldStop()) break
      underWay = settle(group, lines)
      underWay.catch(() => undefined)
    }
    await passOn()
    await noted
    return isHeld && !shouldStop() ? await finishImport(db, row, lease) : false
  } finally {
    clearInterval(heartbeat)
  }
}

/** Tries a group again as one that may have been recorded already: after a fault in its COMMIT nobody knows. */
async function settleWithRetry(
  { logger, retryForMs }: ImportContext,
  settling: SettlingContext,
  lines: readonly PreparedLine[],
  isFirst: boolean,
): Promise<LineOutcome[]> {
  const deadline = performance.now() + retryForMs
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await settleLines(settling, lines, isFirst || attempt > 1)
    } catch (error) {
      if (!(error instanceof Error) || !isTransientPostgresError(error) || performance.now() >= deadline)
        throw error
      logger.warn({ reason: describeError(error), attempt }, "a group of an import is tried again")
      await new Promise((resolve) => setTimeout(resolve, Math.min(50 * 2 ** attempt, 1_000)))
    }
  }
}

function progressOf(
  records: readonly RawRecord[],
  outcomes: readonly LineOutcome[],
  kept: number,
): ImportProgress {
  const last = records.at(-1)
  if (last === undefined) throw new TypeError("a group without records")
  const refusals = outcomes.flatMap(({ line, refusal }) =>
    refusal === undefined ? [] : [{ line, ...refusal }],
  )
  const count = (wanted: LineOutcome["outcome"]) =>
    outcomes.filter(({ outcome }) => outcome === wanted).length
  return {
    nextByte: last.nextByte,
    nextLine: last.nextLine,
    applied: count("applied"),
    replayed: count("replayed"),
    refused: refusals.length,
    refusals: refusals.slice(0, Math.max(0, kept)),
  }
}

/** The records behind the last checkpoint, in groups. */
async function* readGroups(
  db: Kysely<Database>,
  row: ClaimedImport,
  groupLines: number,
): AsyncGenerator<Group> {
  // An interrupted run may have been one group beyond the one that it had not noted.
  const recoveredLines = 2 * groupLines
  const at = { byte: Number(row.next_byte), line: Number(row.next_line) }
  const reader = createRecordReader(row.format, row.line_bytes_max, at)
  let isHeaderDue = row.format === "csv" && at.byte === 0
  let isFirst = true
  let records: RawRecord[] = []
  let groupBegin = at.byte

  function* cut(isEnd: boolean): Generator<Group> {
    for (let record = reader.next(); ; record = reader.next()) {
      if (record !== undefined && isHeaderDue) {
        isHeaderDue = false
        continue
      }
      if (record !== undefined) records.push(record)
      const bytes = (record?.nextByte ?? groupBegin) - groupBegin
      const isFull =
        records.length >= (isFirst ? recoveredLines : groupLines) || (!isFirst && bytes >= groupBytesMax)
      if (records.length > 0 && (isFull || (isEnd && record === undefined))) {
        yield { records, isFirst }
        groupBegin = record?.nextByte ?? groupBegin
        isFirst = false
        records = []
      }
      if (record === undefined) return
    }
  }

  const firstChunk = Math.floor(at.byte / chunkBytes)
  const chunks = Math.ceil(Number(row.bytes) / chunkBytes)
  let next = firstChunk < chunks ? readChunk(db, row, firstChunk) : null
  for (let chunk = firstChunk; chunk < chunks; chunk += 1) {
    const content: Buffer | null = await next
    if (content === null)
      throw new ChainBridgeError("IMPORT_INCOMPLETE", `chunk ${chunk} of import ${row.import_id} is missing`)
    next = chunk + 1 < chunks ? readChunk(db, row, chunk + 1) : null
    reader.push(chunk === firstChunk ? content.subarray(at.byte % chunkBytes) : content)
    yield* cut(false)
  }
  reader.end()
  yield* cut(true)
}

async function readChunk(db: Kysely<Database>, row: ClaimedImport, chunk: number): Promise<Buffer | null> {
  const { rows } = await sql<{ content: Buffer }>`
    SELECT content FROM ledger.import_chunks
    WHERE ledger_id = ${row.ledger_id} AND import_id = ${row.import_id} AND chunk = ${chunk}`.execute(db)
  return rows[0]?.content ?? null
}

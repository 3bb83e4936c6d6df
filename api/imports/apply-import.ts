import { type Kysely, sql } from "kysely"
import type pg from "pg"
import type { Database } from "../../ledger/store/database.ts"
import { readIdentifierSalt } from "../../ledger/store/read-identifier-salt.ts"
import { createAccountMemory } from "../../ledger/writer/account-memory.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import { hmacSha256 } from "../../platform/hmac-sha256.ts"
import type { Logger } from "../../platform/logger.ts"
import { isStorageFull, isTransientPostgresError } from "../../platform/postgres.ts"
import type { RegistryCache } from "../registry/registry-cache.ts"
import {
  type ClaimedImport,
  defaultsOf,
  extendLease,
  finishImport,
  isLeaseLost,
  type Lease,
  readSettled,
} from "./import-store.ts"
import { type LineRules, type PreparedLine, prepareLines } from "./prepare-lines.ts"
import { chunkBytes } from "./receive-import.ts"
import { createRecordReader, type RawRecord } from "./record-reader.ts"
import { type GroupPlace, type SettlingContext, settleLines } from "./settle-lines.ts"

const groupBytesMax = 4 * 1024 * 1024

export type ImportContext = {
  readonly db: Kysely<Database>
  /** Of createWriterPool. */
  readonly writerPool: pg.Pool
  readonly registry: RegistryCache
  readonly logger: Logger
  readonly leaseMs: number
  /** Lines that go to the writer as one group: for as long as it takes nobody else writes to the ledger. */
  readonly groupLines: number
  /** How long a group is tried again after a fault of the database. */
  readonly retryForMs: number
}

/**
 * Goes on with an import from where it was noted to be, to its end. Each group of lines is recorded and noted in one transaction, so that nothing is ever settled twice or not at all, whoever dies.
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
  const tokens = createTokenDirectory(db, row.ledger_id)
  const settling: SettlingContext = { ...context, tokens, memory: createAccountMemory()(), row, lease }
  const rules: LineRules = {
    importId: row.import_id,
    operationId: row.operation_id,
    columns: row.columns,
    defaults: defaultsOf(row),
    lineBytesMax: row.line_bytes_max,
    requestKey: hmacSha256(await readIdentifierSalt(db, row.ledger_id)),
  }
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
  /** While one group is written the next one is read; false where the import was lost. */
  let underWay = Promise.resolve(true)
  let fromByte = Number(row.next_byte)
  try {
    // What was registered before the file came counts from its first line on.
    await context.registry.reload()
    for await (const records of readGroups(db, row, context.groupLines)) {
      const lines = prepareLines(records, rules, await context.registry.current(), new Date())
      if (!(await underWay) || shouldStop()) return false
      const last = records.at(-1)
      if (last === undefined) continue
      const { nextByte, nextLine } = last
      underWay = settle(context, settling, lines, { fromByte, nextByte, nextLine })
      underWay.catch(() => undefined)
      fromByte = nextByte
    }
    return (await underWay) && !shouldStop() && (await finishImport(db, row, lease))
  } finally {
    clearInterval(heartbeat)
    await underWay.catch(() => undefined)
  }
}

/** Tries a group until it is settled. @returns false where somebody else has taken the import over */
async function settle(
  { logger, retryForMs }: ImportContext,
  settling: SettlingContext,
  lines: readonly PreparedLine[],
  group: GroupPlace,
): Promise<boolean> {
  const deadline = performance.now() + retryForMs
  let attempt = 0
  /** @throws the fault, where another try makes no sense */
  async function pause(error: unknown): Promise<void> {
    attempt += 1
    const isFinal = !(error instanceof Error) || !isTransientPostgresError(error) || isStorageFull(error)
    if (isFinal || performance.now() >= deadline) throw error
    logger.warn({ reason: describeError(error), attempt }, "a group of an import is tried again")
    await new Promise((resolve) => setTimeout(resolve, Math.min(50 * 2 ** attempt, 1_000)))
  }
  /** After a fault in the COMMIT nobody knows, except for the database: until it has answered the group is not settled again. */
  async function readPlace(): Promise<bigint | undefined> {
    for (;;) {
      try {
        return await readSettled(settling.db, settling.row, settling.lease)
      } catch (error) {
        await pause(error)
      }
    }
  }
  for (;;) {
    try {
      await settleLines(settling, lines, group)
      return true
    } catch (error) {
      if (isLeaseLost(error)) return false
      await pause(error)
    }
    const settled = await readPlace()
    if (settled === undefined) return false
    if (settled >= BigInt(group.nextByte)) return true
  }
}

/** The records behind the last checkpoint, in groups. */
async function* readGroups(
  db: Kysely<Database>,
  row: ClaimedImport,
  groupLines: number,
): AsyncGenerator<readonly RawRecord[]> {
  const at = { byte: Number(row.next_byte), line: Number(row.next_line) }
  const reader = createRecordReader(row.format, row.line_bytes_max, at)
  let isHeaderDue = row.format === "csv" && at.byte === 0
  let records: RawRecord[] = []
  let groupBegin = at.byte

  function* cut(isEnd: boolean): Generator<readonly RawRecord[]> {
    for (let record = reader.next(); ; record = reader.next()) {
      if (record !== undefined && isHeaderDue) {
        isHeaderDue = false
        continue
      }
      if (record !== undefined) records.push(record)
      const bytes = (record?.nextByte ?? groupBegin) - groupBegin
      const isFull = records.length >= groupLines || bytes >= groupBytesMax
      if (records.length > 0 && (isFull || (isEnd && record === undefined))) {
        yield records
        groupBegin = record?.nextByte ?? groupBegin
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

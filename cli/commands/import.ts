import { randomUUID } from "node:crypto"
import { createReadStream, statSync } from "node:fs"
import { basename, resolve } from "node:path"
import type { Kysely } from "kysely"
import type pg from "pg"
import type { ImportContext } from "../../api/imports/apply-import.ts"
import { claimImport, type ImportRow, readImport } from "../../api/imports/import-store.ts"
import { receiveImport } from "../../api/imports/receive-import.ts"
import { defaultImportSettings, workOn } from "../../api/imports/run-imports.ts"
import { readImportRefusals } from "../../api/queries/import-refusals.ts"
import { createRegistryCache } from "../../api/registry/registry-cache.ts"
import type { Database } from "../../ledger/store/database.ts"
import type { ImportFormat } from "../../ledger/store/import-tables.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { csvLine } from "../../platform/csv.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { createProgressBar } from "../progress-bar.ts"
import { writeStreamDurably } from "../write-stream-durably.ts"
import { chooseLedger } from "./choose-ledger.ts"
import { commandInitiator } from "./command-initiator.ts"
import { findDatabaseUrl } from "./open-database.ts"

export type ImportOptions = {
  readonly dataDir: string
  readonly ledger?: string
  readonly token?: string
  readonly chain?: number
  readonly reason?: string
  readonly operationId?: string
  readonly refused?: string
}

const pollMs = 250
const refusedPageLines = 1_000

/** `chainbridge import`: takes the file into the database and works on it until it is finished, by itself or behind whoever has begun; sets the exit code to 1 where a line was refused. */
export async function importCommand(file: string, options: ImportOptions): Promise<void> {
  const path = resolve(file)
  const format = formatOf(path)
  const databaseUrl = await findDatabaseUrl(options.dataDir)
  const pool = createPool({ databaseUrl, applicationName: "chainbridge-import", connectionsMax: 4 })
  const writerPool = createWriterPool({ databaseUrl, applicationName: "chainbridge-import-writer" })
  try {
    const db = createKysely<Database>(pool)
    const { ledgerId } = await chooseLedger(db, options.ledger)
    const received = await receive(db, ledgerId, path, format, options)
    const wasDone = isDone(received)
    const row = await workUntilDone(db, writerPool, received)
    if (wasDone) process.stdout.write("nothing was done now; when the file came for the first time:\n")
    await report(db, row, resolve(options.refused ?? `${path}.refused.csv`))
  } finally {
    await writerPool.end()
    await pool.end()
  }
}

function formatOf(path: string): ImportFormat {
  if (path.endsWith(".csv")) return "csv"
  if (path.endsWith(".ndjson")) return "ndjson"
  throw new ChainBridgeError("UNKNOWN_FORMAT", `${path} is neither a .csv nor a .ndjson file`)
}

async function receive(
  db: Kysely<Database>,
  ledgerId: string,
  path: string,
  format: ImportFormat,
  options: ImportOptions,
): Promise<ImportRow> {
  const total = sizeOf(path)
  const bar = createProgressBar("reading  ", () => total)
  let bytes = 0
  async function* content(): AsyncGenerator<Uint8Array> {
    for await (const piece of createReadStream(path, { highWaterMark: 262_144 }) as AsyncIterable<Buffer>) {
      bytes += piece.length
      bar.update(bytes)
      yield piece
    }
  }
  const { token, chain, reason, operationId } = options
  const received = await receiveImport(db, {
    ledgerId,
    format,
    fileName: basename(path).slice(0, 255),
    operationId,
    defaults: {
      ...(token === undefined ? {} : { token_symbol: token }),
      ...(chain === undefined ? {} : { chain_id: chain }),
      ...(reason === undefined ? {} : { reason_type: reason }),
    },
    content: content(),
    initiator: commandInitiator(),
  })
  bar.end()
  if ("refused" in received) {
    const [first] = received.errors
    const field = first?.field === null || first?.field === undefined ? "" : `${first.field}: `
    throw new ChainBridgeError(received.refused, `${path}: ${field}${first?.message ?? received.refused}`)
  }
  const { row, isKnown } = received
  if (isKnown) {
    const since = row.received_at?.toISOString() ?? ""
    process.stderr.write(`this file is import ${row.import_id} of ${since}: no line is applied twice\n`)
  }
  return row
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch (cause) {
    throw new ChainBridgeError("UNREADABLE_FILE", `${path} cannot be read`, { cause })
  }
}

async function workUntilDone(
  db: Kysely<Database>,
  writerPool: pg.Pool,
  received: ImportRow,
): Promise<ImportRow> {
  // Trouble is told by the import itself; the terminal has the bar.
  const logger = createLogger("import", "silent")
  const registry = createRegistryCache({ db, logger, maxAgeMs: 2_000 })
  const context: ImportContext = { ...defaultImportSettings, db, writerPool, registry, logger }
  let row = received
  const bar = createProgressBar("importing", () => Number(row.bytes))
  for (;;) {
    const owner = randomUUID()
    const claimed = isDone(row) ? undefined : await claimImport(db, owner, context.leaseMs, row.ledger_id)
    let work: Promise<void> | undefined
    let isWorking = claimed !== undefined
    if (claimed !== undefined) {
      work = workOn(context, claimed, { owner, epoch: claimed.lease_epoch }, () => false).finally(() => {
        isWorking = false
      })
      work.catch(() => undefined)
    }
    do {
      const current = await readImport(db, row.ledger_id, row.import_id)
      if (current === undefined)
        throw new ChainBridgeError("UNKNOWN_IMPORT", `import ${row.import_id} is gone from the database`)
      row = current
      bar.update(Number(row.next_byte), describe(row))
      if (!isDone(row)) await new Promise((done) => setTimeout(done, pollMs))
    } while (isWorking)
    await work
    if (!isDone(row)) continue
    bar.end()
    return row
  }
}

function isDone({ state }: ImportRow): boolean {
  return state === "finished" || state === "failed" || state === "abandoned"
}

function describe({ applied, replayed, refused }: ImportRow): string {
  return `${applied} applied, ${replayed} replayed, ${refused} refused`
}

async function report(db: Kysely<Database>, row: ImportRow, refusedPath: string): Promise<void> {
  process.stdout.write(`${row.state} import ${row.import_id}: ${describe(row)}\n`)
  if (row.refused > 0n) {
    process.exitCode = 1
    await writeStreamDurably(refusedPath, (append) => writeRefusals(db, row, append))
    process.stdout.write(`the refused lines with their reasons are in ${refusedPath}\n`)
  }
  if (row.state !== "finished") throw new ChainBridgeError("IMPORT_FAILED", row.error ?? "the import failed")
}

async function writeRefusals(
  db: Kysely<Database>,
  row: ImportRow,
  append: (text: string) => Promise<void>,
): Promise<void> {
  await append(csvLine(["line", "code", "field", "message"]))
  for (let afterLine = 0n; ; ) {
    const page = await readImportRefusals(db, row, afterLine, refusedPageLines)
    const last = page.at(-1)
    if (last === undefined) return
    afterLine = last.line
    const lines = page.map(({ line, code, field, message }) =>
      csvLine([String(line), code, field ?? "", message]),
    )
    await append(lines.join(""))
  }
}

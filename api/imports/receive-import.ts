import { createHmac, randomUUIDv7 } from "node:crypto"
import { type Kysely, sql } from "kysely"
import type { Initiator } from "../../ledger/domain/operator-action.ts"
import type { Database } from "../../ledger/store/database.ts"
import type { ImportFormat } from "../../ledger/store/import-tables.ts"
import { readIdentifierSalt } from "../../ledger/store/read-identifier-salt.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { type Refusal, refuse } from "../refusal.ts"
import { canonicalJson } from "../validation/canonical-json.ts"
import { readImportHeader } from "./import-header.ts"
import type { ImportDefaults } from "./import-line.ts"
import { type ImportPolicy, readImportPolicy } from "./import-policy.ts"
import { announceImport, continueImport, type ImportRow, readImport } from "./import-store.ts"
import { createRecordReader } from "./record-reader.ts"

/** Bytes of every chunk but the last. A place in the file is a chunk and a place in it, so this can only be changed together with what is stored. */
export const chunkBytes = 262_144

/** Imports of one ledger that may wait or run. */
const unfinishedMax = 100

export type ReceivedImport = {
  readonly row: ImportRow
  /** The same content was received before, and this is that import. */
  readonly isKnown: boolean
}

/**
 * Takes a file in, piece by piece, so that any process can work on it. It is started on when all of it is in the database; one that breaks off leaves nothing.
 * The same content under the same operation id is the same import; without an id, the same content is. An import that had failed goes on.
 * @returns a refusal with LEDGER_UNAVAILABLE where nobody knows whether it was taken; it says the id to ask for
 * @throws what the stream throws; nothing is left then
 */
export async function receiveImport(
  db: Kysely<Database>,
  file: {
    readonly ledgerId: string
    readonly format: ImportFormat
    readonly fileName: string | null
    readonly operationId: string | undefined
    readonly defaults: ImportDefaults
    readonly content: AsyncIterable<Uint8Array>
    /** Whom the audit log names; a key's imports are told by the event log alone. */
    readonly initiator?: Initiator | undefined
  },
): Promise<ReceivedImport | Refusal> {
  const { ledgerId, defaults } = file
  const policy = await readImportPolicy(db)
  if ((await countUnfinished(db, ledgerId)) >= unfinishedMax) {
    const message = `${unfinishedMax} imports of this app are not finished; send it again when one is`
    return refuse("OVERLOADED", null, message, { "retry-after": "60" })
  }
  const importId = randomUUIDv7()
  await db
    .insertInto("ledger.imports")
    .values({
      ledger_id: ledgerId,
      import_id: importId,
      state: "receiving",
      format: file.format,
      file_name: file.fileName,
      defaults: JSON.stringify(defaults),
      line_bytes_max: policy.lineBytesMax,
      refused_kept_max: policy.refusedKeptMax,
    })
    .execute()
  const discard = () => discardUpload(db, ledgerId, importId)
  try {
    const spooled = await spool(db, { ...file, importId, policy })
    if ("refused" in spooled) {
      await discard()
      return spooled
    }
    const operationId = file.operationId ?? `import_${spooled.contentHash.toString("hex").slice(0, 32)}`
    for (;;) {
      const completed = await complete(db, ledgerId, importId, operationId, spooled, file.initiator)
      if (completed === "unknown") return unknownOutcome(importId)
      if (completed !== "taken") return { row: completed, isKnown: false }
      const known = await findKnown(db, ledgerId, operationId)
      if (known === undefined) continue
      return resume(db, known, importId, spooled.contentHash)
    }
  } catch (error) {
    await discard().catch(() => undefined)
    throw error
  }
}

/** Removes what was received so far. What is received as a whole belongs to whoever works on it, and stays. @returns whether there was something to remove */
async function discardUpload(db: Kysely<Database>, ledgerId: string, importId: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom("ledger.imports")
    .where("ledger_id", "=", ledgerId)
    .where("import_id", "=", importId)
    .where("state", "=", "receiving")
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}

function unknownOutcome(importId: string): Refusal {
  const message = `whether the file was taken is not known: GET /imports/${importId} says so when the database answers again, and the same file sent again is the same import`
  return refuse("LEDGER_UNAVAILABLE", null, message)
}

type Spooled = {
  readonly contentHash: Buffer
  readonly bytes: number
  readonly columns: readonly string[] | null
}

async function spool(
  db: Kysely<Database>,
  file: Parameters<typeof receiveImport>[1] & { readonly importId: string; readonly policy: ImportPolicy },
): Promise<Spooled | Refusal> {
  const { ledgerId, importId, policy, defaults } = file
  const salt = await readIdentifierSalt(db, ledgerId)
  const hash = createHmac("sha256", salt).update(`${canonicalJson({ format: file.format, defaults })}\n`)
  // Copied together as they come: the pieces that a sender chooses may be of one byte, and each that is kept takes hundreds.
  const pending = Buffer.allocUnsafeSlow(chunkBytes)
  let pendingBytes = 0
  let bytes = 0
  let chunk = 0
  let columns: readonly string[] | null = null

  async function store(content: Buffer): Promise<Refusal | undefined> {
    if (chunk === 0) {
      const header = checkBeginning(content)
      if (header !== undefined && "refused" in header) return header
      columns = header?.columns ?? null
    }
    await sql`
      WITH stored AS (
        INSERT INTO ledger.import_chunks (ledger_id, import_id, chunk, content) VALUES (${ledgerId}, ${importId}, ${chunk}, ${content})
      ) UPDATE ledger.imports SET touched_at = clock_timestamp() WHERE ledger_id = ${ledgerId} AND import_id = ${importId}`.execute(
      db,
    )
    chunk += 1
    return undefined
  }

  /** What is wrong with the header is said before the rest has arrived. */
  function checkBeginning(content: Buffer) {
    if (file.format === "ndjson") return undefined
    const reader = createRecordReader("csv", policy.lineBytesMax)
    reader.push(content)
    if (content.length < chunkBytes) reader.end()
    return readImportHeader(reader.next(), defaults)
  }

  for await (const piece of file.content) {
    bytes += piece.byteLength
    if (BigInt(bytes) > policy.bodyBytesMax) return tooLarge(policy)
    hash.update(piece)
    for (let from = 0; from < piece.byteLength; ) {
      const part = piece.subarray(from, from + chunkBytes - pendingBytes)
      pending.set(part, pendingBytes)
      pendingBytes += part.byteLength
      from += part.byteLength
      if (pendingBytes < chunkBytes) continue
      const refusal = await store(pending)
      if (refusal !== undefined) return refusal
      pendingBytes = 0
    }
  }
  if (bytes === 0) {
    const code = file.format === "csv" ? "MALFORMED_CSV" : "MALFORMED_JSON"
    return refuse(code, null, "the body is empty; send at least one line")
  }
  const refusal = pendingBytes > 0 ? await store(pending.subarray(0, pendingBytes)) : undefined
  return refusal ?? { contentHash: hash.digest(), bytes, columns }
}

export function tooLarge(policy: ImportPolicy): Refusal {
  return refuse("PAYLOAD_TOO_LARGE", null, `a file has at most ${policy.bodyBytesMax} bytes; split it`)
}

async function countUnfinished(db: Kysely<Database>, ledgerId: string): Promise<number> {
  const { rows } = await sql<{ unfinished: bigint }>`
    SELECT count(*) AS unfinished FROM ledger.imports
    WHERE state IN ('receiving', 'received', 'running') AND ledger_id = ${ledgerId}`.execute(db)
  return Number(rows[0]?.unfinished ?? 0n)
}

/**
 * From here on somebody may work on the import.
 * @returns the import; `taken` where another one has the operation id already; `unknown` where the database does not say any more what it has done
 * @throws where nothing was done, and nothing is left
 */
async function complete(
  db: Kysely<Database>,
  ledgerId: string,
  importId: string,
  operationId: string,
  { contentHash, bytes, columns }: Spooled,
  initiator: Initiator | undefined,
): Promise<ImportRow | "taken" | "unknown"> {
  try {
    return await db.transaction().execute(async (trx) => {
      const { rows } = await sql<ImportRow>`
        UPDATE ledger.imports SET state = 'received', received_at = clock_timestamp(), touched_at = clock_timestamp(),
          operation_id = ${operationId}, content_hash = ${contentHash}, bytes = ${bytes}, columns = ${columns}
        WHERE ledger_id = ${ledgerId} AND import_id = ${importId} AND state = 'receiving' RETURNING *`.execute(
        trx,
      )
      const [row] = rows
      if (row === undefined)
        throw new ChainBridgeError(
          "IMPORT_INCOMPLETE",
          `the upload of import ${importId} was removed before its end`,
        )
      if (initiator !== undefined)
        await recordAction(trx, {
          ...initiator,
          ledgerId,
          action: "import.received",
          subject: importId,
          after: { operation_id: operationId, bytes },
        })
      await announceImport(trx, ledgerId)
      return row
    })
  } catch (error) {
    if ((error as { constraint?: unknown }).constraint === "imports_operation") return "taken"
    // The COMMIT may have been carried out. The DELETE waits for one that is under way, and leaves what is received.
    const isGone = await discardUpload(db, ledgerId, importId).catch(() => undefined)
    if (isGone === undefined) return "unknown"
    const row = isGone ? undefined : await readImport(db, ledgerId, importId).catch(() => "unknown" as const)
    if (row === undefined) throw error
    return row
  }
}

function findKnown(
  db: Kysely<Database>,
  ledgerId: string,
  operationId: string,
): Promise<ImportRow | undefined> {
  return db
    .selectFrom("ledger.imports")
    .selectAll()
    .where("ledger_id", "=", ledgerId)
    .where("operation_id", "=", operationId)
    .where("state", "<>", "receiving")
    .executeTakeFirst()
}

/** What becomes of an upload whose operation id another import has. */
async function resume(
  db: Kysely<Database>,
  known: ImportRow,
  uploadId: string,
  contentHash: Buffer,
): Promise<ReceivedImport | Refusal> {
  const { ledger_id: ledgerId, import_id: importId } = known
  const isSame = known.content_hash?.equals(contentHash) === true
  const isContinued = isSame && isGivenUp(known) && (await continueImport(db, known, uploadId))
  if (!isContinued) await discardUpload(db, ledgerId, uploadId)
  if (isSame) return { row: (await readImport(db, ledgerId, importId)) ?? known, isKnown: true }
  const message = `operation "${known.operation_id}" is an import of other content; use a new operation_id for a new import`
  return refuse("IDEMPOTENCY_CONFLICT", "operation_id", message)
}

function isGivenUp({ state }: ImportRow): boolean {
  return state === "failed" || state === "abandoned"
}

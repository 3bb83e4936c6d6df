import { type Kysely, type Selectable, sql, type Transaction } from "kysely"
import type { Initiator } from "../../ledger/domain/operator-action.ts"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import { importReceivedChannel } from "../../ledger/store/channels.ts"
import type { Database } from "../../ledger/store/database.ts"
import { withHead } from "../../ledger/store/ledger-transaction.ts"
import { recordAction } from "../../ledger/store/record-action.ts"
import type { Statement } from "../../ledger/store/statement.ts"
import type { FieldError } from "../refusal.ts"
import type { ImportDefaults } from "./import-line.ts"

export type ImportRow = Selectable<Database["ledger.imports"]>
type Handle = Kysely<Database> | Transaction<Database>

/** An import that was received; one that is still coming in does not exist for anybody. */
export async function readImport(
  db: Handle,
  ledgerId: string,
  importId: string,
): Promise<ImportRow | undefined> {
  return db
    .selectFrom("ledger.imports")
    .selectAll()
    .where("ledger_id", "=", ledgerId)
    .where("import_id", "=", importId)
    .where("state", "<>", "receiving")
    .executeTakeFirst()
}

export type Lease = { readonly owner: string; readonly epoch: bigint }
export type ClaimedImport = ImportRow & { readonly operation_id: string }

/**
 * Takes the oldest import that nobody works on; of a ledger always the one that was received first, so that imports do not overtake each other.
 * @param ledgerId only this ledger's
 */
export async function claimImport(
  db: Handle,
  owner: string,
  leaseMs: number,
  ledgerId: string | null,
): Promise<ClaimedImport | undefined> {
  const { rows } = await sql<ClaimedImport>`
    UPDATE ledger.imports AS i SET state = 'running', started_at = coalesce(started_at, clock_timestamp()),
      lease_owner = ${owner}, lease_epoch = lease_epoch + 1, lease_expires_at = clock_timestamp() + interval '1 millisecond' * ${leaseMs}
    FROM (
      SELECT ledger_id, import_id FROM ledger.imports AS w
      WHERE state IN ('received', 'running') AND (lease_expires_at IS NULL OR lease_expires_at < clock_timestamp())
        AND (${ledgerId}::uuid IS NULL OR ledger_id = ${ledgerId})
        AND NOT EXISTS (
          SELECT FROM ledger.imports AS o WHERE o.ledger_id = w.ledger_id AND o.state IN ('received', 'running')
            AND (o.received_at, o.import_id) < (w.received_at, w.import_id))
      ORDER BY received_at LIMIT 1 FOR UPDATE SKIP LOCKED
    ) AS oldest
    WHERE i.ledger_id = oldest.ledger_id AND i.import_id = oldest.import_id
    RETURNING i.*`.execute(db)
  return rows[0]
}

export type ImportProgress = {
  /** Up to where everything is settled already: the group begins there. */
  readonly fromByte: number
  readonly nextByte: number
  readonly nextLine: number
  readonly applied: number
  readonly replayed: number
  readonly refusals: readonly (FieldError & { readonly line: number })[]
}

// The division fails the transaction where the import is no longer held, or stands elsewhere: what is settled is never settled again.
const noteText = `
  WITH moved AS (
    UPDATE ledger.imports SET next_byte = $5, next_line = $6, applied = applied + $7, replayed = replayed + $8,
      refused = refused + cardinality($9::bigint[]), touched_at = clock_timestamp(), lease_expires_at = clock_timestamp() + interval '1 millisecond' * $13
    WHERE ledger_id = $1 AND import_id = $2 AND state = 'running' AND lease_owner = $3 AND lease_epoch = $4 AND next_byte = $14
    RETURNING refused - cardinality($9::bigint[]) AS refused_before, refused_kept_max
  ), kept AS (
    INSERT INTO ledger.import_refusals (ledger_id, import_id, line, code, field, message)
    SELECT $1, $2, r.line, r.code, r.field, r.message
    FROM moved, unnest($9::bigint[], $10::text[], $11::text[], $12::text[]) WITH ORDINALITY AS r(line, code, field, message, number)
    WHERE moved.refused_before + r.number <= moved.refused_kept_max
  )
  SELECT 1 / count(*) FROM moved`

/** Notes how far the import is, with what was refused on the way. Fails where somebody else has taken it over, or has settled this already: see isLeaseLost. */
export function noteProgress(
  row: ImportRow,
  lease: Lease,
  leaseMs: number,
  progress: ImportProgress,
): Statement {
  const { refusals } = progress
  return {
    name: "import-note-progress",
    text: noteText,
    values: [
      row.ledger_id,
      row.import_id,
      lease.owner,
      lease.epoch.toString(),
      progress.nextByte,
      progress.nextLine,
      progress.applied,
      progress.replayed,
      refusals.map(({ line }) => line),
      refusals.map(({ code }) => code),
      refusals.map(({ field }) => field),
      refusals.map(({ message }) => message),
      leaseMs,
      progress.fromByte,
    ],
  }
}

/** What we believe of the import is no longer true: whoever goes on with it claims it from the database. */
export function isLeaseLost(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "22012"
}

const held = (row: ImportRow, lease: Lease) =>
  sql`ledger_id = ${row.ledger_id} AND import_id = ${row.import_id} AND state = 'running' AND lease_owner = ${lease.owner} AND lease_epoch = ${lease.epoch}`

/** Up to where the import is settled, as soon as nothing is under way any more; undefined where somebody else has taken it over. */
export function readSettled(db: Kysely<Database>, row: ImportRow, lease: Lease): Promise<bigint | undefined> {
  // Behind the lock of the head: a group whose connection was lost in its COMMIT has ended by then.
  return withHead(db, row.ledger_id, async ({ trx }) => {
    const { rows } = await sql<{
      next_byte: bigint
    }>`SELECT next_byte FROM ledger.imports WHERE ${held(row, lease)}`.execute(trx)
    return rows[0]?.next_byte
  })
}

export async function extendLease(db: Handle, row: ImportRow, lease: Lease, leaseMs: number): Promise<void> {
  await sql`
    UPDATE ledger.imports SET lease_expires_at = clock_timestamp() + interval '1 millisecond' * ${leaseMs}
    WHERE ${held(row, lease)}`.execute(db)
}

/** Gives the import back unfinished, for anybody to go on with at once. */
export async function releaseImport(db: Handle, row: ImportRow, lease: Lease): Promise<void> {
  await sql`UPDATE ledger.imports SET lease_owner = NULL, lease_expires_at = NULL WHERE ${held(row, lease)}`.execute(
    db,
  )
}

/** Every line is settled: what was uploaded is no longer needed. @returns false where somebody else has taken it over */
export async function finishImport(db: Kysely<Database>, row: ImportRow, lease: Lease): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const { numAffectedRows } = await sql`
      UPDATE ledger.imports SET state = 'finished', finished_at = clock_timestamp(), next_byte = bytes, lease_owner = NULL, lease_expires_at = NULL
      WHERE ${held(row, lease)}`.execute(trx)
    if (numAffectedRows !== 1n) return false
    await deleteChunks(trx, row.ledger_id, row.import_id)
    // It may have failed before.
    await clearAlarm(trx, "import_failed", row.import_id)
    return true
  })
}

/**
 * Stops the import for good reason, with an alarm. What was uploaded goes: whoever has it go on sends it again, and nobody else has a use for it. @returns false where somebody else has taken it over
 */
export async function failImport(
  db: Kysely<Database>,
  row: ImportRow,
  lease: Lease,
  error: string,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const { numAffectedRows } = await sql`
      UPDATE ledger.imports SET state = 'failed', finished_at = clock_timestamp(), error = ${error}, lease_owner = NULL, lease_expires_at = NULL
      WHERE ${held(row, lease)}`.execute(trx)
    if (numAffectedRows !== 1n) return false
    const { ledger_id: ledgerId, import_id: importId } = row
    await deleteChunks(trx, ledgerId, importId)
    await raiseAlarm(trx, { kind: "import_failed", subject: importId, ledgerId, message: error })
    return true
  })
}

/**
 * Gives up an import that has failed: its alarm is cleared.
 * @returns the import as it is now: any other than a failed one stays as it is; undefined where there is none
 */
export function abandonImport(
  db: Kysely<Database>,
  ledgerId: string,
  importId: string,
  initiator: Initiator,
): Promise<ImportRow | undefined> {
  return db.transaction().execute(async (trx) => {
    const { numAffectedRows } = await sql`
      UPDATE ledger.imports SET state = 'abandoned', finished_at = clock_timestamp()
      WHERE ledger_id = ${ledgerId} AND import_id = ${importId} AND state = 'failed'`.execute(trx)
    if (numAffectedRows === 1n) {
      await deleteChunks(trx, ledgerId, importId)
      await clearAlarm(trx, "import_failed", importId)
      await recordAction(trx, {
        ...initiator,
        ledgerId,
        action: "import.abandoned",
        subject: importId,
        before: { state: "failed" },
        after: { state: "abandoned" },
      })
    }
    return readImport(trx, ledgerId, importId)
  })
}

/**
 * Has an import that had failed go on with the bytes of an upload of the same content, whose own row goes.
 * @returns false where it has not failed, or not any more; the upload is as it was
 */
export function continueImport(db: Kysely<Database>, failed: ImportRow, uploadId: string): Promise<boolean> {
  const { ledger_id: ledgerId, import_id: importId } = failed
  return db.transaction().execute(async (trx) => {
    const { numAffectedRows } = await sql`
      UPDATE ledger.imports SET state = 'received', finished_at = NULL, error = NULL
      WHERE ledger_id = ${ledgerId} AND import_id = ${importId} AND state IN ('failed', 'abandoned')`.execute(
      trx,
    )
    if (numAffectedRows !== 1n) return false
    await deleteChunks(trx, ledgerId, importId)
    await sql`
      UPDATE ledger.import_chunks SET import_id = ${importId}
      WHERE ledger_id = ${ledgerId} AND import_id = ${uploadId}`.execute(trx)
    await sql`DELETE FROM ledger.imports WHERE ledger_id = ${ledgerId} AND import_id = ${uploadId}`.execute(
      trx,
    )
    await announceImport(trx, ledgerId)
    return true
  })
}

async function deleteChunks(trx: Transaction<Database>, ledgerId: string, importId: string): Promise<void> {
  await sql`DELETE FROM ledger.import_chunks WHERE ledger_id = ${ledgerId} AND import_id = ${importId}`.execute(
    trx,
  )
}

/** Tells who waits for imports. */
export async function announceImport(db: Handle, ledgerId: string): Promise<void> {
  await sql`SELECT pg_notify(${importReceivedChannel}, ${ledgerId})`.execute(db)
}

/** Removes uploads that broke off together with the process that received them. */
export async function removeBrokenUploads(db: Handle, olderThanMs: number): Promise<bigint> {
  const { numAffectedRows } = await sql`
    DELETE FROM ledger.imports
    WHERE state = 'receiving' AND touched_at < clock_timestamp() - interval '1 millisecond' * ${olderThanMs}`.execute(
    db,
  )
  return numAffectedRows ?? 0n
}

export function defaultsOf(row: Pick<ImportRow, "defaults">): ImportDefaults {
  return row.defaults as ImportDefaults
}

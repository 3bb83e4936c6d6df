import { createHash } from "node:crypto"
import type { Kysely } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import type { AuditKey } from "../domain/audit-key.ts"
import { type LoggedEvent, writeAuditLine } from "../domain/audit-line.ts"
import { holdsSignature } from "../domain/checkpoint-note.ts"
import { hashEvent } from "../domain/event-encoding.ts"
import {
  type ExportTrailer,
  exportTrailerText,
  writeExportCheckpoint,
  writeExportHeader,
  writeExportTrailer,
} from "../domain/export-format.ts"
import { createMerkleBuilder } from "../domain/merkle-builder.ts"
import type { Database } from "../store/database.ts"
import { readEvents } from "../store/read-events.ts"
import { readCheckpointsAfter, type StoredCheckpoint } from "./read-checkpoints.ts"
import { readTreeEndAt } from "./read-tree-end.ts"
import { beginsWith, readSignedPast, refuseForeignAnchor } from "./signed-past.ts"

export type ExportOptions = {
  readonly ledgerId: string
  /** The first and the last position; from the beginning, up to the head as it is now, unless given. */
  readonly first?: bigint
  readonly last?: bigint
  readonly hasDetails: boolean
  /** Without it nobody signs. */
  readonly key: AuditKey | null
}

const pageEvents = 1_000
const pageCheckpoints = 200

/**
 * Writes a ledger's log, or a part of it, with its checkpoints, as docs/audit.md describes. One page is in memory, and the next one on its way. Events never change, so no transaction stays open.
 * Only a log whose hashes hold, and whose checkpoints were signed of it, is written: those within it, and the newest one, before or behind it.
 * @throws ChainBridgeError NOTHING_TO_EXPORT, LOG_ALTERED, CHECKPOINT_DIFFERS; with a key, FOREIGN_ANCHOR
 */
export async function exportLedger(
  db: Kysely<Database>,
  options: ExportOptions,
  append: (text: string) => Promise<void>,
  onProgress: (done: bigint, total: bigint) => void = () => undefined,
): Promise<ExportTrailer> {
  const { ledgerId, hasDetails, key } = options
  const { first, last } = await readRange(db, options)
  if (key !== null) await refuseForeignAnchor(db, ledgerId)
  const signed = await readSignedPast(db, ledgerId, key?.publicKey ?? null)
  const { frontier, headHash: prevHash } = await readTreeEndAt(db, ledgerId, signed, Number(first - 1n))

  const digest = createHash("sha256")
  const tree = createMerkleBuilder({ size: Number(first - 1n), frontier })
  const write = async (lines: readonly string[]): Promise<void> => {
    const text = lines.map((line) => `${line}\n`).join("")
    digest.update(text)
    await append(text)
  }
  await write([
    writeExportHeader({
      ledgerId,
      first,
      last,
      prevHash,
      frontier,
      hasDetails,
      publicKey: key?.publicKey ?? null,
    }),
  ])
  const checkpoints = readAhead(db, ledgerId, first - 1n)
  let position = first - 1n
  let hash = prevHash
  let next = readPage(db, ledgerId, position, last)
  while (position < last) {
    const page = await next
    next = readPage(db, ledgerId, position + BigInt(page.length), last)
    // A fault of the page that is on its way shows when it is awaited.
    next.catch(() => undefined)
    if (page.length === 0) throw altered(position + 1n)
    const lines: string[] = []
    for (const event of page) {
      check(event, position, hash)
      position = event.position
      hash = event.hash
      tree.add(hash)
      lines.push(writeAuditLine(hasDetails ? event : { ...event, detailsJson: null, salt: null }))
      const checkpoint = await checkpoints.at(position)
      if (checkpoint === null) continue
      if (!isOf(checkpoint, tree.root(), hash)) throw altered(position)
      lines.push(writeExportCheckpoint(checkpoint))
    }
    await write(lines)
    onProgress(position - first + 1n, last - first + 1n)
  }
  const root = tree.root()
  // What goes on behind the end was signed as well, and says how it began.
  if (
    signed !== null &&
    signed.checkpoint.treeSize > last &&
    !(await beginsWith(db, signed.checkpoint, { treeSize: last, root }))
  )
    throw altered(last)
  const trailer = {
    events: last - first + 1n,
    position,
    hash,
    root,
    sha256: digest.digest(),
  }
  await append(`${writeExportTrailer(trailer, key?.sign(exportTrailerText(trailer)) ?? null)}\n`)
  return trailer
}

async function readRange(
  db: Kysely<Database>,
  options: ExportOptions,
): Promise<{ first: bigint; last: bigint }> {
  const head = await db
    .selectFrom("ledger.head")
    .select("position")
    .where("ledger_id", "=", options.ledgerId)
    .executeTakeFirstOrThrow()
  const { first = 1n, last = head.position } = options
  if (first >= 1n && first <= last && last <= head.position) return { first, last }
  throw new ChainBridgeError(
    "NOTHING_TO_EXPORT",
    head.position === 0n
      ? "the log has no events yet"
      : `there are no events ${first} to ${last}: the log has those from 1 to ${head.position}`,
  )
}

async function readPage(
  db: Kysely<Database>,
  ledgerId: string,
  after: bigint,
  last: bigint,
): Promise<readonly LoggedEvent[]> {
  const wanted = last - after < BigInt(pageEvents) ? Number(last - after) : pageEvents
  return wanted === 0 ? [] : readEvents(db, ledgerId, after, wanted)
}

function check(event: LoggedEvent, position: bigint, hash: Buffer): void {
  if (
    event.position === position + 1n &&
    event.prevHash.equals(hash) &&
    hashEvent(hash, event).equals(event.hash)
  )
    return
  throw altered(position + 1n)
}

/** Whether the checkpoint was signed of this very log. */
function isOf(stored: StoredCheckpoint, root: Buffer, headHash: Buffer): boolean {
  const { checkpoint, publicKey } = stored
  return (
    checkpoint.root.equals(root) && checkpoint.headHash.equals(headHash) && holdsSignature(stored, publicKey)
  )
}

function altered(position: bigint): ChainBridgeError {
  return new ChainBridgeError(
    "LOG_ALTERED",
    `event ${position} is not there, or is not what its hash or a checkpoint says: nothing is exported; run chainbridge verify`,
  )
}

/** The checkpoints behind a position, asked for in order. */
function readAhead(db: Kysely<Database>, ledgerId: string, after: bigint) {
  let page: StoredCheckpoint[] = []
  let read = after
  let isEnd = false
  return {
    async at(position: bigint): Promise<StoredCheckpoint | null> {
      if (page.length === 0 && !isEnd) {
        page = await readCheckpointsAfter(db, ledgerId, read, pageCheckpoints)
        isEnd = page.length < pageCheckpoints
        read = page.at(-1)?.checkpoint.treeSize ?? read
      }
      return page[0]?.checkpoint.treeSize === position ? (page.shift() ?? null) : null
    },
  }
}

import { type Kysely, sql, type Transaction } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import { type Checkpoint, holdsSignature } from "../domain/checkpoint-note.ts"
import { consistencyRanges, verifyConsistency } from "../domain/merkle-proof.ts"
import type { Database } from "../store/database.ts"
import { readRoots } from "./merkle-nodes.ts"
import { readCheckpoint, type StoredCheckpoint } from "./read-checkpoints.ts"

type Handle = Kysely<Database> | Transaction<Database>
type Signed = Pick<Checkpoint, "treeSize" | "root">

/**
 * The newest checkpoint, when it may be built upon: its signature holds, the log has its head, and the tree that it signs begins with every other one that is known to have been signed:
 * the newest by this key, the newest that the log says was anchored, the newest that this process has seen. Who rewrites the past without the key has to take one of these away, and what
 * names it. No events are read but the last of the checkpoint, and those of the blocks in which a tree ends.
 * @param publicKey of the key that signs next; null when nothing will be signed
 * @param seen the newest that this process has found to hold; without it the log is asked for anchors
 * @throws ChainBridgeError CHECKPOINT_DIFFERS
 */
export async function readSignedPast(
  db: Handle,
  ledgerId: string,
  publicKey: Buffer | null,
  seen: Signed | null = null,
): Promise<StoredCheckpoint | null> {
  const last = await readCheckpoint(db, ledgerId, "newest")
  const covered = last?.checkpoint.treeSize ?? 0n
  if (seen !== null && covered < seen.treeSize) throw gone(ledgerId, seen.treeSize)
  const anchored = seen === null ? await newestAnchored(db, ledgerId) : null
  if (last === null) return null
  await checkHead(db, last.checkpoint)
  const own = await newestOf(db, ledgerId, last, publicKey)
  for (const signed of [own, anchored, seen]) {
    if (signed !== null && !(await beginsWith(db, last.checkpoint, signed))) {
      throw checkpointDiffers(
        ledgerId,
        `the checkpoint of ${covered} events does not go on from what was signed of the first ${signed.treeSize}`,
      )
    }
  }
  return last
}

/** Whether the first events of the tree that the checkpoint signs give this root. The stored nodes cannot make a wrong one look right: they are a proof, which is checked. */
export async function beginsWith(
  db: Handle,
  { ledgerId, treeSize, root }: Checkpoint,
  { treeSize: from, root: fromRoot }: Signed,
): Promise<boolean> {
  const sizes = { from: Number(from), size: Number(treeSize) }
  if (from < 1n || from > treeSize) return false
  const proof = await readRoots(db, ledgerId, consistencyRanges(sizes.from, sizes.size))
  return verifyConsistency({ ...sizes, fromRoot, root, proof })
}

/**
 * Somebody anchored for the ledger what was not signed here: of two logs that may both be its own nothing is signed until somebody has looked.
 * @throws ChainBridgeError FOREIGN_ANCHOR
 */
export async function refuseForeignAnchor(db: Handle, ledgerId: string): Promise<void> {
  const { rows } = await sql<{ message: string }>`
    SELECT message FROM registry.alarms
    WHERE kind = 'foreign_anchor' AND cleared_at IS NULL AND split_part(subject, ':', 2) = ${ledgerId} ORDER BY raised_at LIMIT 1`.execute(
    db,
  )
  const [alarm] = rows
  if (alarm === undefined) return
  throw new ChainBridgeError(
    "FOREIGN_ANCHOR",
    `nothing is signed for ledger ${ledgerId} while the alarm foreign_anchor is open: ${alarm.message}`,
  )
}

export function checkpointDiffers(ledgerId: string, why: string): ChainBridgeError {
  return new ChainBridgeError(
    "CHECKPOINT_DIFFERS",
    `ledger ${ledgerId}: ${why}; nothing more is signed, run chainbridge verify`,
  )
}

function gone(ledgerId: string, treeSize: bigint): ChainBridgeError {
  return checkpointDiffers(ledgerId, `the checkpoint of ${treeSize} events was signed, and is not there`)
}

/** The event at the end of the checkpoint has the hash that was signed. */
async function checkHead(db: Handle, { ledgerId, treeSize, headHash }: Checkpoint): Promise<void> {
  const { rows } = await sql<{ hash: Buffer }>`
    SELECT hash FROM ledger.event_log WHERE ledger_id = ${ledgerId} AND position = ${treeSize}`.execute(db)
  if (rows[0]?.hash.equals(headHash) !== true)
    throw checkpointDiffers(ledgerId, `the event at position ${treeSize} has not the hash that was signed`)
}

/**
 * The newest checkpoint by this key. Of another key's nobody here knows whether it is ours: anybody who can write to the database can put a key there.
 * @param last of all; its signature must hold too
 */
async function newestOf(
  db: Handle,
  ledgerId: string,
  last: StoredCheckpoint,
  publicKey: Buffer | null,
): Promise<Signed | null> {
  checkSignature(last, last.publicKey)
  if (publicKey === null || last.publicKey.equals(publicKey)) return null
  const { rows } = await sql<{ tree_size: bigint }>`
    SELECT c.tree_size FROM ledger.checkpoints c JOIN registry.audit_keys k USING (key_id)
    WHERE c.ledger_id = ${ledgerId} AND k.public_key = ${publicKey} ORDER BY c.tree_size DESC LIMIT 1`.execute(
    db,
  )
  const own = rows[0] === undefined ? null : await readCheckpoint(db, ledgerId, rows[0].tree_size)
  if (own === null) return null
  checkSignature(own, publicKey)
  return own.checkpoint
}

function checkSignature(stored: StoredCheckpoint, publicKey: Buffer): void {
  const { ledgerId, treeSize } = stored.checkpoint
  if (!holdsSignature(stored, publicKey))
    throw checkpointDiffers(ledgerId, `the signature of the checkpoint of ${treeSize} events does not hold`)
}

/** What the log says was anchored, at any time, was a checkpoint, and is one. @returns the newest */
async function newestAnchored(db: Handle, ledgerId: string): Promise<Signed | null> {
  const { rows } = await sql<{ tree_size: bigint; root: Buffer | null; is_there: boolean }>`
    WITH anchored AS (
      SELECT (e.data->>'tree_size')::bigint AS tree_size, e.data->>'root' AS root
      FROM ledger.confirmations c JOIN ledger.event_log e ON e.ledger_id = c.ledger_id AND e.position = c.position
      WHERE c.ledger_id = ${ledgerId} AND c.account_id IS NULL AND c.batch_sequence IS NULL AND e.type = 'CheckpointAnchored'
      UNION
      SELECT a.tree_size, NULL FROM settlement.anchors a WHERE a.ledger_id = ${ledgerId}
    )
    SELECT a.tree_size, c.root, c.root IS NOT NULL AND coalesce(a.root = '0x' || encode(c.root, 'hex'), true) AS is_there
    FROM anchored a LEFT JOIN ledger.checkpoints c ON c.ledger_id = ${ledgerId} AND c.tree_size = a.tree_size
    ORDER BY is_there, a.tree_size DESC LIMIT 1`.execute(db)
  const [row] = rows
  if (row === undefined) return null
  if (row.root === null || !row.is_there) throw gone(ledgerId, row.tree_size)
  return { treeSize: row.tree_size, root: row.root }
}

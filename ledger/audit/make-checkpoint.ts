import { type Kysely, sql } from "kysely"
import type { AuditKey } from "../domain/audit-key.ts"
import { type Checkpoint, checkpointText } from "../domain/checkpoint-note.ts"
import { foldSubtrees, type MerkleNode } from "../domain/merkle-builder.ts"
import type { Database } from "../store/database.ts"
import { growTree, readRoots, storeNodes } from "./merkle-nodes.ts"
import { readTreeEnd } from "./read-tree-end.ts"
import { checkpointDiffers, readSignedPast, refuseForeignAnchor } from "./signed-past.ts"

/**
 * Signs the log as it stands: grows its Merkle tree from the checkpoint before by the hashes of the events since, and stores its nodes, then the checkpoint. Nothing is locked. Killed at any
 * point it leaves nodes that the next one goes on from; of two processes that extend the same checkpoint one gets its row in.
 * @param seen the newest checkpoint of each ledger that this process has found to hold; it is kept up to date
 * @returns null when the newest checkpoint covers the whole log, or somebody else was first
 * @throws ChainBridgeError CHECKPOINT_DIFFERS, LOG_ALTERED, when the log or the checkpoints are not what was signed last: whoever signs once must not sign another past; FOREIGN_ANCHOR
 */
export async function makeCheckpoint(
  db: Kysely<Database>,
  ledgerId: string,
  key: AuditKey,
  now: Date,
  seen: Map<string, Checkpoint> = new Map(),
): Promise<Checkpoint | null> {
  await refuseForeignAnchor(db, ledgerId)
  const last = await readSignedPast(db, ledgerId, key.publicKey, seen.get(ledgerId))
  const { position, hash, recorded_at } = await db
    .selectFrom("ledger.head")
    .select(["position", "hash", "recorded_at"])
    .where("ledger_id", "=", ledgerId)
    .executeTakeFirstOrThrow()
  if (position <= (last?.checkpoint.treeSize ?? 0n)) return null
  const store = (nodes: readonly MerkleNode[]) => storeNodes(db, ledgerId, nodes)
  const tree = await growTree(db, ledgerId, await readTreeEnd(db, last, store), Number(position), store)
  const root = foldSubtrees(tree.frontier)
  const [storedRoot] = await readRoots(db, ledgerId, [{ begin: 0, end: tree.size }])
  if (!tree.headHash.equals(hash)) throw checkpointDiffers(ledgerId, "its last event is not its head")
  if (storedRoot?.equals(root) !== true)
    throw checkpointDiffers(ledgerId, `the stored nodes do not give the root of its ${position} events`)
  if (last !== null) seen.set(ledgerId, last.checkpoint)
  // A clock that goes back must not make a later checkpoint look earlier.
  const createdAt = new Date(
    Math.max(now.getTime(), recorded_at.getTime(), last?.checkpoint.createdAt.getTime() ?? 0),
  )
  const checkpoint = { ledgerId, treeSize: position, root, headHash: hash, createdAt, keyId: key.keyId }
  const isFirst = await db.transaction().execute(async (trx) => {
    await sql`
      INSERT INTO registry.audit_keys (key_id, public_key) VALUES (${key.keyId}, ${key.publicKey}) ON CONFLICT DO NOTHING`.execute(
      trx,
    )
    const { numAffectedRows } = await sql`
      INSERT INTO ledger.checkpoints (ledger_id, tree_size, previous_size, root, head_hash, signature, key_id, created_at)
      VALUES (${ledgerId}, ${position}, ${last?.checkpoint.treeSize ?? null}, ${root}, ${hash},
        ${key.sign(checkpointText(checkpoint))}, ${key.keyId}, ${createdAt})
      ON CONFLICT DO NOTHING`.execute(trx)
    return numAffectedRows === 1n
  })
  if (!isFirst) return null
  seen.set(ledgerId, checkpoint)
  return checkpoint
}

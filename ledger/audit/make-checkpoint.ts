import { type Kysely, sql } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import type { AuditKey } from "../domain/audit-key.ts"
import { type Checkpoint, checkpointText } from "../domain/checkpoint-note.ts"
import type { Database } from "../store/database.ts"
import { readRoots, storeNodes } from "./merkle-nodes.ts"
import { readCheckpoint } from "./read-checkpoints.ts"

/**
 * Signs the log as it stands: stores the nodes of its Merkle tree, then the checkpoint. Nothing is locked. Killed at any point it leaves nodes that the next one goes on from; of
 * two processes that extend the same checkpoint one gets its row in.
 * @returns null when the newest checkpoint covers the whole log, or somebody else was first
 * @throws ChainBridgeError CHECKPOINT_DIFFERS when the log does not give the root that was signed last: whoever signs once must not sign another past
 */
export async function makeCheckpoint(
  db: Kysely<Database>,
  ledgerId: string,
  key: AuditKey,
  now: Date,
): Promise<Checkpoint | null> {
  const last = await readCheckpoint(db, ledgerId, "newest")
  const { position, hash, recorded_at } = await db
    .selectFrom("ledger.head")
    .select(["position", "hash", "recorded_at"])
    .where("ledger_id", "=", ledgerId)
    .executeTakeFirstOrThrow()
  if (position <= (last?.checkpoint.treeSize ?? 0n)) return null
  await storeNodes(db, ledgerId, position)
  const ranges = [{ begin: 0, end: Number(position) }]
  if (last !== null) ranges.push({ begin: 0, end: Number(last.checkpoint.treeSize) })
  const [root, lastRoot] = await readRoots(db, ledgerId, ranges)
  if (root === undefined) throw new TypeError("a range without a root")
  if (last !== null && lastRoot?.equals(last.checkpoint.root) !== true) {
    throw new ChainBridgeError(
      "CHECKPOINT_DIFFERS",
      `the first ${last.checkpoint.treeSize} events of ledger ${ledgerId} do not give the root that was signed for them: nothing more is signed; run chainbridge verify`,
    )
  }
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
  return isFirst ? checkpoint : null
}

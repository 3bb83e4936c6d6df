import { sql, type Transaction } from "kysely"
import { holdsSignature } from "../domain/checkpoint-note.ts"
import { blockLevel } from "../domain/merkle-blocks.ts"
import { hashSize, putNode } from "../domain/merkle-hash.ts"
import type { Database } from "../store/database.ts"
import type { Problem } from "./find-difference.ts"
import { readRoots } from "./merkle-nodes.ts"
import { readCheckpointsAfter, type StoredCheckpoint } from "./read-checkpoints.ts"

const pageNodes = 5_000
const pageCheckpoints = 500

/**
 * The stored nodes are those of the log's Merkle tree; each checkpoint has the root that the log gives, a signature that holds, and its place behind the one before it; and what is
 * said to be anchored is in the log. Beyond the blocks it reads no more than the events in whose block a checkpoint ends.
 * @param blockRoots of every complete block of the log, as createBlockRoots gives them; the events' hashes must have been checked
 */
export async function verifyCheckpoints(
  trx: Transaction<Database>,
  ledgerId: string,
  headPosition: bigint,
  blockRoots: Buffer,
): Promise<Problem | null> {
  return (
    (await verifyNodes(trx, ledgerId, headPosition, nodesByLevel(blockRoots))) ??
    (await verifyEach(trx, ledgerId, headPosition)) ??
    (await verifyAnchored(trx, ledgerId))
  )
}

/** By level, from that of the blocks on: the hashes of its nodes in their order, one behind the other. */
function nodesByLevel(blockRoots: Buffer): ReadonlyMap<number, Buffer> {
  const levels = new Map<number, Buffer>()
  for (let [level, nodes] = [blockLevel, blockRoots]; nodes.length > 0; level += 1) {
    levels.set(level, nodes)
    const above = Buffer.alloc(Math.floor(nodes.length / (2 * hashSize)) * hashSize)
    for (let index = 0; index < above.length / hashSize; index += 1) putNode(above, index, nodes)
    nodes = above
  }
  return levels
}

async function verifyNodes(
  trx: Transaction<Database>,
  ledgerId: string,
  headPosition: bigint,
  logged: ReadonlyMap<number, Buffer>,
): Promise<Problem | null> {
  const found = new Map<number, number>()
  let [lastLevel, lastIndex] = [0, -1n]
  for (;;) {
    const { rows } = await sql<{ level: number; index: bigint; hash: Buffer }>`
      SELECT level, index, hash FROM ledger.merkle_nodes
      WHERE ledger_id = ${ledgerId} AND (level, index) > (${lastLevel}, ${lastIndex})
      ORDER BY level, index LIMIT ${pageNodes}`.execute(trx)
    for (const { level, index, hash } of rows) {
      const expected = found.get(level) ?? 0
      if (index !== BigInt(expected)) return nodeProblem(level, expected, "is missing")
      const place = expected * hashSize
      if (
        logged
          .get(level)
          ?.subarray(place, place + hashSize)
          .equals(hash) !== true
      )
        return nodeProblem(level, expected, "is not what the log gives")
      found.set(level, expected + 1)
      ;[lastLevel, lastIndex] = [level, index]
    }
    if (rows.length < pageNodes) break
  }
  const { rows } = await sql<{ covered: bigint }>`
    SELECT coalesce(max(tree_size), 0) AS covered FROM ledger.checkpoints WHERE ledger_id = ${ledgerId}`.execute(
    trx,
  )
  const covered = rows[0]?.covered ?? 0n
  for (const [level, nodes] of logged) {
    const there = found.get(level) ?? 0
    const wanted = Math.min(nodes.length / hashSize, Math.floor(Number(covered) / 2 ** level))
    // Nodes come in together with those above them, so all that the lowest level has is there on every other.
    const together = Math.floor((found.get(blockLevel) ?? 0) / 2 ** (level - blockLevel))
    if (there < Math.max(wanted, together)) return nodeProblem(level, there, "is missing")
  }
  if (covered <= headPosition) return null
  return {
    position: null,
    problem: `ledger.checkpoints covers ${covered} events, the log ends at ${headPosition}`,
  }
}

function nodeProblem(level: number, index: number, what: string): Problem {
  const first = BigInt(index) * 2n ** BigInt(level) + 1n
  return { position: first, problem: `ledger.merkle_nodes, level ${level}, index ${index}: the row ${what}` }
}

async function verifyEach(
  trx: Transaction<Database>,
  ledgerId: string,
  headPosition: bigint,
): Promise<Problem | null> {
  let previous: bigint | null = null
  for (;;) {
    const page = await readCheckpointsAfter(trx, ledgerId, previous ?? 0n, pageCheckpoints)
    const hashes = await readEventHashes(
      trx,
      ledgerId,
      page.map(({ checkpoint }) => checkpoint.treeSize),
    )
    for (const stored of page) {
      const { treeSize } = stored.checkpoint
      const [root] =
        treeSize > headPosition ? [] : await readRoots(trx, ledgerId, [{ begin: 0, end: Number(treeSize) }])
      const problem = compare(stored, { previous, root, headHash: hashes.get(treeSize) })
      if (problem !== null)
        return { position: treeSize, problem: `ledger.checkpoints, tree size ${treeSize}: ${problem}` }
      previous = treeSize
    }
    if (page.length < pageCheckpoints) return null
  }
}

function compare(
  stored: StoredCheckpoint,
  logged: { previous: bigint | null; root: Buffer | undefined; headHash: Buffer | undefined },
): string | null {
  const { checkpoint, previousSize, publicKey } = stored
  if (previousSize !== logged.previous)
    return `it names ${previousSize} as the one before it, that is ${logged.previous}`
  if (logged.root?.equals(checkpoint.root) !== true)
    return `its root is ${checkpoint.root.toString("hex")}, the log gives ${logged.root?.toString("hex")}`
  if (logged.headHash?.equals(checkpoint.headHash) !== true)
    return `its head is ${checkpoint.headHash.toString("hex")}, the log has ${logged.headHash?.toString("hex")} there`
  return holdsSignature(stored, publicKey)
    ? null
    : `its signature does not hold with the key ${checkpoint.keyId}`
}

async function readEventHashes(
  trx: Transaction<Database>,
  ledgerId: string,
  positions: readonly bigint[],
): Promise<ReadonlyMap<bigint, Buffer>> {
  const { rows } = await sql<{ position: bigint; hash: Buffer }>`
    SELECT position, hash FROM ledger.event_log
    WHERE ledger_id = ${ledgerId} AND position = ANY(${positions.map(String)}::bigint[])`.execute(trx)
  return new Map(rows.map(({ position, hash }) => [position, hash]))
}

/** Every anchor that stands is of a checkpoint, with its root, and the checkpoint names it. Finds the anchors by `ledger.confirmations`, so verify that first. */
async function verifyAnchored(trx: Transaction<Database>, ledgerId: string): Promise<Problem | null> {
  const { rows } = await sql<{ position: bigint | null; tree_size: bigint; why: string }>`
    WITH anchors AS (
      SELECT e.position, (e.data->>'tree_size')::bigint AS tree_size, e.data->>'root' AS root
      FROM ledger.confirmations c JOIN ledger.event_log e ON e.ledger_id = c.ledger_id AND e.position = c.position
      WHERE c.ledger_id = ${ledgerId} AND c.revoked_position IS NULL AND c.account_id IS NULL AND c.batch_sequence IS NULL
        AND e.type = 'CheckpointAnchored'
    ), checkpoints AS (SELECT * FROM ledger.checkpoints WHERE ledger_id = ${ledgerId})
    SELECT coalesce(a.position, c.anchored_position) AS position, tree_size,
      CASE WHEN c.tree_size IS NULL THEN 'the log anchors it, and there is no such checkpoint'
        WHEN a.tree_size IS NULL THEN 'it names an anchor that does not stand in the log'
        WHEN a.root <> '0x' || encode(c.root, 'hex') THEN 'the log anchors another root'
        ELSE 'the log anchors it, and the row does not say so' END AS why
    FROM anchors a FULL JOIN checkpoints c USING (tree_size)
    WHERE a.position IS DISTINCT FROM c.anchored_position OR a.root <> '0x' || encode(c.root, 'hex')
    ORDER BY tree_size LIMIT 1`.execute(trx)
  const [row] = rows
  if (row === undefined) return null
  return { position: row.position, problem: `ledger.checkpoints, tree size ${row.tree_size}: ${row.why}` }
}

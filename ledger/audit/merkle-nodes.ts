import { type Kysely, sql, type Transaction } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import { genesisHash } from "../domain/event-encoding.ts"
import { blockLevel, blockSize } from "../domain/merkle-blocks.ts"
import { createMerkleBuilder, foldSubtrees, type MerkleNode } from "../domain/merkle-builder.ts"
import { type LeafRange, type SubtreePlace, subtreesOf } from "../domain/merkle-proof.ts"
import type { Database } from "../store/database.ts"

type Handle = Kysely<Database> | Transaction<Database>

/** Events that one step reads, and whose nodes one statement stores: so what is there is always whole steps. */
const stepEvents = 64 * blockSize

/** Where a tree ends: how many events it has, its frontier, and the hash of the last of them. */
export type TreeEnd = {
  readonly size: number
  readonly frontier: readonly Buffer[]
  readonly headHash: Buffer
}

export const emptyTree: TreeEnd = { size: 0, frontier: [], headHash: genesisHash }

/**
 * Goes on with a tree over the events behind it, by their own hashes; what is stored of them is not believed.
 * @param upTo a position that is committed
 * @param onNodes is given the complete subtrees of {@link blockLevel} and above, those of a step at once
 * @throws ChainBridgeError LOG_ALTERED when an event was not hashed onto the one before it
 */
export async function growTree(
  db: Handle,
  ledgerId: string,
  start: TreeEnd,
  upTo: number,
  onNodes: (nodes: readonly MerkleNode[]) => Promise<void> = () => Promise.resolve(),
): Promise<TreeEnd> {
  let { size, frontier, headHash } = start
  while (size < upTo) {
    const end = Math.min(size + stepEvents, upTo)
    const nodes: MerkleNode[] = []
    const builder = createMerkleBuilder({ size, frontier }, (node) => {
      if (node.level >= blockLevel) nodes.push(node)
    })
    for (const { prev_hash, hash } of await readHashes(db, ledgerId, size, end)) {
      if (!prev_hash.equals(headHash)) {
        throw new ChainBridgeError(
          "LOG_ALTERED",
          `ledger ${ledgerId}: the event at position ${builder.size + 1} was not hashed onto the one before it; run chainbridge verify`,
        )
      }
      builder.add(hash)
      headHash = hash
    }
    await onNodes(nodes)
    size = end
    frontier = builder.frontier()
  }
  return { size, frontier, headHash }
}

/** Several processes may store the same ones. What is there stays. */
export async function storeNodes(
  db: Kysely<Database>,
  ledgerId: string,
  nodes: readonly MerkleNode[],
): Promise<void> {
  if (nodes.length === 0) return
  await sql`
    INSERT INTO ledger.merkle_nodes (ledger_id, level, index, hash)
    SELECT ${ledgerId}, * FROM unnest(${nodes.map(({ level }) => level)}::smallint[],
      ${nodes.map(({ index }) => index)}::bigint[], ${nodes.map(({ hash }) => hash)}::bytea[])
    ON CONFLICT DO NOTHING`.execute(db)
}

/** The complete subtrees over the first `size` events, the largest first: where a builder can go on from. */
export function readFrontierOf(db: Handle, ledgerId: string, size: number): Promise<Buffer[]> {
  return readSubtrees(db, ledgerId, subtreesOf({ begin: 0, end: size }))
}

/**
 * The roots of some ranges of leaves: what a proof is made of. Reads the stored nodes, and of the events no more than the blocks in which a range begins or ends.
 * @throws ChainBridgeError MERKLE_NODES_MISSING when the blocks up to there are not stored yet, or their events are not in the database
 */
export async function readRoots(
  db: Handle,
  ledgerId: string,
  ranges: readonly LeafRange[],
): Promise<Buffer[]> {
  const places = ranges.map(subtreesOf)
  const hashes = await readSubtrees(db, ledgerId, places.flat())
  let at = 0
  return places.map((ofRange) => {
    at += ofRange.length
    return foldSubtrees(hashes.slice(at - ofRange.length, at))
  })
}

async function readSubtrees(
  db: Handle,
  ledgerId: string,
  places: readonly SubtreePlace[],
): Promise<Buffer[]> {
  const found = new Map([
    ...(await readStored(db, ledgerId, places)),
    ...(await readWithinBlocks(db, ledgerId, places)),
  ])
  return places.map((place) => {
    const hash = found.get(nameOf(place))
    if (hash !== undefined) return hash
    throw new ChainBridgeError(
      "MERKLE_NODES_MISSING",
      `the tree of ledger ${ledgerId} has no node of level ${place.level} at ${place.index}`,
    )
  })
}

async function readStored(
  db: Handle,
  ledgerId: string,
  places: readonly SubtreePlace[],
): Promise<[string, Buffer][]> {
  const stored = places.filter(({ level }) => level >= blockLevel)
  if (stored.length === 0) return []
  const { rows } = await sql<{ level: number; index: bigint; hash: Buffer }>`
    SELECT n.level, n.index, n.hash
    FROM unnest(${stored.map(({ level }) => level)}::smallint[], ${stored.map(({ index }) => index)}::bigint[]) AS p (level, index)
    CROSS JOIN LATERAL (
      SELECT * FROM ledger.merkle_nodes m WHERE m.ledger_id = ${ledgerId} AND m.level = p.level AND m.index = p.index
    ) AS n`.execute(db)
  return rows.map(({ level, index, hash }) => [nameOf({ level, index: Number(index) }), hash])
}

/** Nodes below the stored ones, from the events of their blocks. */
async function readWithinBlocks(
  db: Handle,
  ledgerId: string,
  places: readonly SubtreePlace[],
): Promise<[string, Buffer][]> {
  const wanted = Map.groupBy(
    places.filter(({ level }) => level < blockLevel),
    ({ level, index }) => Math.floor((index * 2 ** level) / blockSize),
  )
  const nodes: [string, Buffer][] = []
  for (const [block, within] of wanted) {
    const end = Math.max(...within.map(({ level, index }) => (index + 1) * 2 ** level))
    const begin = block * blockSize
    const builder = createMerkleBuilder(undefined, ({ level, index, hash }) =>
      nodes.push([nameOf({ level, index: index + begin / 2 ** level }), hash]),
    )
    for (const { hash } of await readHashes(db, ledgerId, begin, end)) builder.add(hash)
  }
  return nodes
}

/** Hashes of the events of some leaves, which are one position on. */
async function readHashes(
  db: Handle,
  ledgerId: string,
  begin: number,
  end: number,
): Promise<{ readonly prev_hash: Buffer; readonly hash: Buffer }[]> {
  const { rows } = await sql<{ prev_hash: Buffer; hash: Buffer }>`
    SELECT prev_hash, hash FROM ledger.event_log WHERE ledger_id = ${ledgerId} AND position > ${begin} AND position <= ${end}
    ORDER BY position`.execute(db)
  if (rows.length === end - begin) return rows
  throw new ChainBridgeError(
    "MERKLE_NODES_MISSING",
    `of the events ${begin + 1} to ${end} of ledger ${ledgerId} ${rows.length} are in the database`,
  )
}

function nameOf({ level, index }: SubtreePlace): string {
  return `${level}:${index}`
}

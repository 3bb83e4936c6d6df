import { type Kysely, sql, type Transaction } from "kysely"
import { ChainBridgeError } from "../../platform/errors.ts"
import { blockLevel, blockSize } from "../domain/merkle-blocks.ts"
import { createMerkleBuilder, foldSubtrees, type MerkleNode } from "../domain/merkle-builder.ts"
import { type LeafRange, type SubtreePlace, subtreesOf } from "../domain/merkle-proof.ts"
import type { Database } from "../store/database.ts"

type Handle = Kysely<Database> | Transaction<Database>

/** Events that one step reads and whose nodes one statement stores. */
const stepEvents = 64 * blockSize

/**
 * Stores the nodes of every complete block up to a position of the log. A step's nodes come in with one statement, so what is there is always whole steps; several processes may
 * do it at once, because all of them store the same.
 * @param upTo a position that is committed
 */
export async function storeNodes(db: Kysely<Database>, ledgerId: string, upTo: bigint): Promise<void> {
  const target = Number(upTo - (upTo % BigInt(blockSize)))
  let { size, frontier } = await readFrontier(db, ledgerId)
  while (size < target) {
    const end = Math.min(size + stepEvents, target)
    const nodes: MerkleNode[] = []
    const builder = createMerkleBuilder({ size, frontier }, (node) => {
      if (node.level >= blockLevel) nodes.push(node)
    })
    for (const hash of await readHashes(db, ledgerId, size, end)) builder.add(hash)
    await sql`
      INSERT INTO ledger.merkle_nodes (ledger_id, level, index, hash)
      SELECT ${ledgerId}, * FROM unnest(${nodes.map(({ level }) => level)}::smallint[],
        ${nodes.map(({ index }) => index)}::bigint[], ${nodes.map(({ hash }) => hash)}::bytea[])
      ON CONFLICT DO NOTHING`.execute(db)
    size = end
    frontier = builder.frontier()
  }
}

/** Where the stored nodes end. */
async function readFrontier(
  db: Kysely<Database>,
  ledgerId: string,
): Promise<{ size: number; frontier: Buffer[] }> {
  const last = await db
    .selectFrom("ledger.merkle_nodes")
    .select("index")
    .where("ledger_id", "=", ledgerId)
    .where("level", "=", blockLevel)
    .orderBy("index", "desc")
    .limit(1)
    .executeTakeFirst()
  const size = last === undefined ? 0 : (Number(last.index) + 1) * blockSize
  return { size, frontier: await readFrontierOf(db, ledgerId, size) }
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
    for (const hash of await readHashes(db, ledgerId, begin, end)) builder.add(hash)
  }
  return nodes
}

/** Hashes of the events of some leaves, which are one position on. */
async function readHashes(db: Handle, ledgerId: string, begin: number, end: number): Promise<Buffer[]> {
  const { rows } = await sql<{ hash: Buffer }>`
    SELECT hash FROM ledger.event_log WHERE ledger_id = ${ledgerId} AND position > ${begin} AND position <= ${end}
    ORDER BY position`.execute(db)
  if (rows.length === end - begin) return rows.map(({ hash }) => hash)
  throw new ChainBridgeError(
    "MERKLE_NODES_MISSING",
    `of the events ${begin + 1} to ${end} of ledger ${ledgerId} ${rows.length} are in the database`,
  )
}

function nameOf({ level, index }: SubtreePlace): string {
  return `${level}:${index}`
}

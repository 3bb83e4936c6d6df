import { setTimeout as sleep } from "node:timers/promises"
import type pg from "pg"
import { chainClientOf } from "./chain-client-of.ts"

export type WatchedChain = {
  readonly chain_id: number
  readonly rpc_urls: readonly string[]
  readonly polling_interval_ms: number
}

/**
 * What Ponder keeps of a chain, held against the chain: `standing` · `lost`: it has blocks that the chain does not have any more · `missing`: the chain ends below them; its endpoints may only
 * be behind.
 */
export type Standing = "standing" | "lost" | "missing"

type Point = { readonly blockNumber: bigint; readonly blockHash: string }

/** Waited, in polls, for a chain that ends below what Ponder takes for final, before it counts as lost. */
const patiencePolls = 60
const patienceMsMax = 60_000

/**
 * Compares what Ponder will never look at again with the chain: the blocks up to the safe one of a build's schema, which survive every restart, and what it has fetched. Above them it follows
 * reorganisations by itself. Only what Ponder has stored is asked for, so that it does not matter whether it runs.
 * @param schema of the build; null: only what was fetched, which all builds share
 * @throws ChainBridgeError RPC_UNAVAILABLE, RPC_DISAGREEMENT
 */
export async function findStanding(
  client: pg.Client,
  schema: string | null,
  chain: WatchedChain,
): Promise<Standing> {
  const rpc = chainClientOf(chain)
  const head = await rpc.headNumber()
  const points =
    schema === null
      ? await fetchedPoints(client, chain.chain_id, head)
      : await safePoints(client, schema, chain.chain_id, head)
  for (const point of points.known) {
    const block = await rpc.canonicalBlock(point.blockNumber)
    if (block !== null && block.hash !== point.blockHash) return "lost"
  }
  return points.newest !== null && points.newest > head ? "missing" : "standing"
}

/** The same; a chain that stays too short for a while has lost what is missing. */
export async function decideStanding(
  client: pg.Client,
  schema: string | null,
  chain: WatchedChain,
): Promise<Exclude<Standing, "missing">> {
  const patienceMs = Math.min(patienceMsMax, patiencePolls * chain.polling_interval_ms)
  for (const deadline = Date.now() + patienceMs; ; ) {
    const standing = await findStanding(client, schema, chain)
    if (standing !== "missing") return standing
    if (Date.now() >= deadline) return "lost"
    await sleep(chain.polling_interval_ms)
  }
}

type Points = {
  /** At or below the chain's head. */
  readonly known: readonly Point[]
  /** The highest that there is, whatever the chain has. */
  readonly newest: bigint | null
}

/** What a build has indexed for good: the newest log, the newest head that could still be taken back to, and what was fetched for it. */
async function safePoints(client: pg.Client, schema: string, chainId: number, head: bigint): Promise<Points> {
  const name = client.escapeIdentifier(schema)
  const { rows: checkpoints } = await client.query<{ number: string }>(
    `SELECT substr(safe_checkpoint, 27, 16)::bigint::text AS number FROM ${name}._ponder_checkpoint WHERE chain_id = $1`,
    [chainId],
  )
  const [safe] = checkpoints
  if (safe === undefined) return { known: [], newest: null }
  const through = BigInt(safe.number)
  const limit = through < head ? through : head
  // By the column: its name alone would be that of the text, in whose order 9 comes after 10.
  const { rows } = await client.query<Row>(
    `(SELECT block_number::text, block_hash FROM ${name}.log AS o
      WHERE chain_id = $1 AND block_number <= $2 ORDER BY o.block_number DESC LIMIT 1)
     UNION ALL
     (SELECT block_number::text, block_hash FROM ${name}._reorg__head AS o
      WHERE chain_id = $1 AND block_number <= $2 ORDER BY o.block_number DESC LIMIT 1)`,
    [chainId, limit.toString()],
  )
  const fetched = await fetchedPoints(client, chainId, limit)
  return { known: [...rows.map(pointOf), ...fetched.known], newest: through }
}

/** What Ponder has fetched and will serve to every build without asking the chain again. */
async function fetchedPoints(client: pg.Client, chainId: number, limit: bigint): Promise<Points> {
  const { rows: tables } = await client.query<{ name: string | null }>(
    "SELECT to_regclass('ponder_sync.blocks')::text AS name",
  )
  if (tables[0]?.name == null) return { known: [], newest: null }
  const { rows } = await client.query<Row>(
    `SELECT number::text AS block_number, hash AS block_hash FROM ponder_sync.blocks
     WHERE chain_id = $1 AND number <= $2 ORDER BY number DESC LIMIT 1`,
    [chainId, limit.toString()],
  )
  const { rows: newest } = await client.query<{ number: string | null }>(
    "SELECT max(number)::text AS number FROM ponder_sync.blocks WHERE chain_id = $1",
    [chainId],
  )
  const number = newest[0]?.number ?? null
  return { known: rows.map(pointOf), newest: number === null ? null : BigInt(number) }
}

/** Numbers as text: in the process that Ponder runs in PostgreSQL's types are read in its way. */
type Row = { readonly block_number: string; readonly block_hash: string }

function pointOf(row: Row): Point {
  return { blockNumber: BigInt(row.block_number), blockHash: row.block_hash }
}

/** Forgets what was fetched of one chain. */
export async function forgetFetched(client: pg.Client, chainId: number): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.columns
     WHERE table_schema = 'ponder_sync' AND column_name = 'chain_id' ORDER BY table_name`,
  )
  for (const { name } of rows) {
    const table = client.escapeIdentifier(name)
    await client.query(`DELETE FROM ponder_sync.${table} WHERE chain_id = $1`, [chainId])
  }
}

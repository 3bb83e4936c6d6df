import { createHash } from "node:crypto"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import type pg from "pg"
import { callRpc } from "../stack/json-rpc.ts"

type Source = {
  chain_id: number
  name: string
  rpc_urls: string[]
  start_block: number
  tokens: string[]
  audit_anchor: string | null
}
export type IndexerSources = { readonly chains: readonly Source[] }

/**
 * The schema that Ponder writes to: another one for every build of the indexer and for every set of chains, so that a
 * new build is indexed beside the old one, and a new chain never continues on another chain's rows.
 */
export async function nameSchema(
  root: string,
  sources: IndexerSources,
): Promise<{ name: string; chains: string }> {
  const chains = createHash("sha256")
  for (const chain of sources.chains) {
    const genesis = await callRpc<{ hash: string }>(chain.rpc_urls[0] ?? "", "eth_getBlockByNumber", [
      "0x0",
      false,
    ])
    chains.update(`${chain.chain_id} ${genesis.hash}\n`)
  }
  const build = createHash("sha256")
  const files = [
    ...[
      "indexer/ponder.config.ts",
      "indexer/ponder.schema.ts",
      "abis/cpop-token.ts",
      "abis/audit-anchor.ts",
    ].map((file) => join(root, file)),
    ...listFiles(join(root, "indexer", "src")),
  ]
  for (const file of files) build.update(readFileSync(file))
  for (const { chain_id, name, start_block, tokens, audit_anchor } of sources.chains) {
    build.update(JSON.stringify({ chain_id, name, start_block, tokens, audit_anchor }))
  }
  const suffix = chains.digest("hex").slice(0, 10)
  return { name: `indexer_${build.digest("hex").slice(0, 10)}_${suffix}`, chains: suffix }
}

function listFiles(directory: string): string[] {
  return readdirSync(directory)
    .sort()
    .map((name) => join(directory, name))
    .flatMap((path) => (statSync(path).isDirectory() ? listFiles(path) : [path]))
}

export type PreparedSchema = { readonly wasDropped: boolean; readonly wasUnlocked: boolean }

/** Makes the schema ready for a start of Ponder. Only to be called when no other indexer works on it. */
export async function prepareSchema(
  client: pg.Client,
  schema: { name: string; chains: string },
  sources: IndexerSources,
): Promise<PreparedSchema> {
  const known = await listSchemas(client)
  if (known.length > 0 && !known.some((name) => name.endsWith(schema.chains))) {
    // What Ponder has fetched is kept by chain id alone: blocks of another chain with the same id would be served.
    await client.query("DROP SCHEMA IF EXISTS ponder_sync CASCADE")
  }
  if (!known.includes(schema.name)) return { wasDropped: false, wasUnlocked: false }
  if (await hasOrphanedRows(client, schema.name, sources)) {
    await client.query("DROP SCHEMA IF EXISTS ponder_sync CASCADE")
    await client.query(`DROP SCHEMA ${client.escapeIdentifier(schema.name)} CASCADE`)
    return { wasDropped: true, wasUnlocked: false }
  }
  return { wasDropped: false, wasUnlocked: await unlock(client, schema.name) }
}

/** Removes the schemas of builds that the views no longer read from and that nobody works on. */
export async function pruneSchemas(client: pg.Client, current: string): Promise<void> {
  for (const name of await listSchemas(client)) {
    if (name === current || (await isInUse(client, name))) continue
    await client.query(`DROP SCHEMA ${client.escapeIdentifier(name)} CASCADE`)
  }
}

async function listSchemas(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT table_schema AS name FROM information_schema.tables
     WHERE table_name = '_ponder_meta' AND table_schema LIKE 'indexer\\_%'`,
  )
  return rows.map(({ name }) => name)
}

async function isInUse(client: pg.Client, schema: string): Promise<boolean> {
  const { rowCount } = await client.query("SELECT 1 FROM pg_stat_activity WHERE application_name = ANY($1)", [
    [`${schema}_internal`, `${schema}_user`],
  ])
  return rowCount !== 0
}

/** A lock stays behind after every end, clean or not, and costs the next start 25 seconds. */
async function unlock(client: pg.Client, schema: string): Promise<boolean> {
  if (await isInUse(client, schema)) return false
  const name = client.escapeIdentifier(schema)
  const { rowCount } = await client.query(
    `UPDATE ${name}._ponder_meta SET value = jsonb_set(value::jsonb, '{is_locked}', '0') WHERE key = 'app'`,
  )
  return rowCount !== 0
}

/**
 * Rows at or below the safe block survive a restart whatever the chain says by now. When the newest of them is not
 * canonical any more (a reorg deeper than the indexer can follow), going on would leave them there for ever.
 */
async function hasOrphanedRows(client: pg.Client, schema: string, sources: IndexerSources): Promise<boolean> {
  const name = client.escapeIdentifier(schema)
  for (const chain of sources.chains) {
    const { rows } = await client.query<{ block_number: string; block_hash: string }>(
      `SELECT l.block_number::text, l.block_hash FROM ${name}.log l
       JOIN ${name}._ponder_checkpoint c ON c.chain_id = l.chain_id
       WHERE l.chain_id = $1 AND l.block_number <= substr(c.safe_checkpoint, 27, 16)::bigint
       ORDER BY l.block_number DESC LIMIT 1`,
      [chain.chain_id],
    )
    const newest = rows[0]
    if (newest === undefined) continue
    const at = `0x${BigInt(newest.block_number).toString(16)}`
    const block = await callRpc<{ hash: string } | null>(chain.rpc_urls[0] ?? "", "eth_getBlockByNumber", [
      at,
      false,
    ])
    if (block?.hash !== newest.block_hash) return true
  }
  return false
}

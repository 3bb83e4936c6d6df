import { createHash } from "node:crypto"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import type pg from "pg"
import { ChainBridgeError } from "../../platform/errors.ts"
import { chainClientOf } from "./chain-client-of.ts"
import { decideStanding, forgetFetched } from "./lost-blocks.ts"

type Source = {
  chain_id: number
  rpc_urls: string[]
  polling_interval_ms: number
  start_block: number
  tokens: string[]
  treasuries: string[]
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
    chains.update(`${chain.chain_id} ${await readGenesisHash(chain)}\n`)
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
  for (const { chain_id, start_block, tokens, treasuries, audit_anchor } of sources.chains) {
    build.update(JSON.stringify({ chain_id, start_block, tokens, treasuries, audit_anchor }))
  }
  const suffix = chains.digest("hex").slice(0, 10)
  return { name: `indexer_${build.digest("hex").slice(0, 10)}_${suffix}`, chains: suffix }
}

/** @throws ChainBridgeError RPC_UNAVAILABLE, RPC_DISAGREEMENT (both retryable) */
export async function readGenesisHash(chain: Pick<Source, "chain_id" | "rpc_urls">): Promise<string> {
  const genesis = await chainClientOf(chain).canonicalBlock(0n)
  if (genesis !== null) return genesis.hash
  throw new ChainBridgeError("RPC_UNAVAILABLE", `chain ${chain.chain_id}: no endpoint has its first block`, {
    retryable: true,
  })
}

function listFiles(directory: string): string[] {
  return readdirSync(directory)
    .sort()
    .map((name) => join(directory, name))
    .flatMap((path) => (statSync(path).isDirectory() ? listFiles(path) : [path]))
}

export type PreparedSchema = {
  readonly wasDropped: boolean
  readonly wasUnlocked: boolean
  /** Chains that what was fetched of is not theirs any more. */
  readonly forgotten: readonly number[]
}

/**
 * Makes the schema ready for a start of Ponder, which believes for ever what it has once taken for final: what stands on blocks that a chain has lost is removed, and indexed again. Only to be
 * called when no other indexer works on it.
 */
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
  const isKnown = known.includes(schema.name)
  let wasDropped = false
  for (const chain of isKnown ? sources.chains : []) {
    if ((await decideStanding(client, schema.name, chain)) !== "lost") continue
    await client.query(`DROP SCHEMA ${client.escapeIdentifier(schema.name)} CASCADE`)
    wasDropped = true
    break
  }
  const forgotten: number[] = []
  for (const chain of sources.chains) {
    if ((await decideStanding(client, null, chain)) !== "lost") continue
    await forgetFetched(client, chain.chain_id)
    forgotten.push(chain.chain_id)
  }
  const wasUnlocked = isKnown && !wasDropped && (await unlock(client, schema.name))
  return { wasDropped, wasUnlocked, forgotten }
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

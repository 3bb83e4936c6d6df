import type pg from "pg"
import type { Configuration } from "../../platform/config/load-configuration.ts"

/**
 * What the indexer is told in INDEXER_SOURCES: the registry's chains with their contracts, and where the chains are reached.
 * A chain without tokens or without endpoints is left out. It is read from where it is confirmed from, whatever its tokens say: a block of which the indexer has not read all logs is not confirmed. Asks with numbers as text: Ponder has its own way to read
 * PostgreSQL's, and the caller may be the process that Ponder runs in.
 */
export async function buildIndexerSources(
  database: Pick<pg.ClientBase, "query">,
  configuration: Pick<Configuration, "chains">,
  rpcUrls: (chainId: bigint) => readonly string[],
): Promise<string> {
  const { rows } = await database.query<{
    chain_id: string
    start_block: string
    tokens: string[]
    treasuries: string[]
    audit_anchor: string | null
  }>(
    `SELECT c.chain_id::text, c.audit_anchor, least(c.start_block, min(t.start_block))::text AS start_block,
       array_agg(t.token_address ORDER BY t.token_id) AS tokens,
       array_remove(array_agg(DISTINCT t.treasury), NULL) AS treasuries
     FROM registry.chains c JOIN registry.tokens t ON t.chain_id = c.chain_id
     GROUP BY c.chain_id ORDER BY c.chain_id`,
  )
  const configured = Object.values(configuration.chains)
  return JSON.stringify({
    chains: rows.flatMap(({ chain_id, start_block, tokens, treasuries, audit_anchor }) => {
      const urls = rpcUrls(BigInt(chain_id))
      if (urls.length === 0) return []
      const chainId = Number(chain_id)
      const settings = configured.find((entry) => entry.chain_id === chainId)
      return [
        {
          chain_id: chainId,
          rpc_urls: urls,
          start_block: Number(start_block),
          polling_interval_ms: settings?.polling_interval ?? 1_000,
          requests_per_second: settings?.requests_per_second ?? 20,
          tokens,
          treasuries,
          audit_anchor,
        },
      ]
    }),
  })
}

import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import type { Configuration } from "../../platform/config/load-configuration.ts"

/** What the indexer is told in INDEXER_SOURCES: the registry's chains and tokens, and where the chains are reached. */
export async function buildIndexerSources(
  db: Kysely<Database>,
  configuration: Configuration,
  rpcUrls: (chainId: number) => readonly string[],
): Promise<string> {
  const chains = await db.selectFrom("registry.chains").selectAll().orderBy("chain_id").execute()
  const tokens = await db
    .selectFrom("registry.tokens")
    .select(["chain_id", "token_address", "start_block"])
    .orderBy("token_id")
    .execute()
  const configured = Object.values(configuration.chains)
  return JSON.stringify({
    chains: chains.flatMap((chain) => {
      const chainId = Number(chain.chain_id)
      const own = tokens.filter((token) => token.chain_id === chain.chain_id)
      const urls = rpcUrls(chainId)
      if (own.length === 0 || urls.length === 0) return []
      const settings = configured.find((entry) => entry.chain_id === chainId)
      return [
        {
          chain_id: chainId,
          name: chain.name,
          rpc_urls: urls,
          start_block: own.map((token) => Number(token.start_block)).reduce((a, b) => Math.min(a, b)),
          polling_interval_ms: settings?.polling_interval ?? 1_000,
          requests_per_second: settings?.requests_per_second ?? 20,
          tokens: own.map((token) => token.token_address),
        },
      ]
    }),
  })
}

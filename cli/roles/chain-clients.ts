import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { type ChainClient, createChainClient } from "../../platform/rpc/chain-client.ts"
import { privateRpcUrlFromEnvironment, rpcUrlsFromEnvironment } from "../../platform/rpc/rpc-urls.ts"

/** A client for each chain of the registry that has RPC endpoints in the environment. */
export async function openChainClients(db: Kysely<Database>): Promise<Map<bigint, ChainClient>> {
  const chains = await db.selectFrom("registry.chains").select("chain_id").orderBy("chain_id").execute()
  const clients = new Map<bigint, ChainClient>()
  for (const { chain_id: chainId } of chains) {
    const urls = rpcUrlsFromEnvironment(chainId, process.env)
    const privateRelayUrl = privateRpcUrlFromEnvironment(chainId, process.env)
    if (urls.length > 0) clients.set(chainId, createChainClient({ chainId, urls, privateRelayUrl }))
  }
  return clients
}

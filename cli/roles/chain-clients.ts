import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { type ChainClient, createChainClient } from "../../platform/rpc/chain-client.ts"
import { privateRpcUrlFromEnvironment, rpcUrlsFromEnvironment } from "../../platform/rpc/rpc-urls.ts"

/** A client for each chain of the registry that has RPC endpoints in the environment. */
export async function openChainClients(db: Kysely<Database>): Promise<Map<bigint, ChainClient>> {
  const chains = await db.selectFrom("registry.chains").select("chain_id").orderBy("chain_id").execute()
  const clients = new Map<bigint, ChainClient>()
  for (const { chain_id: chainId } of chains) {
    const client = openChainClient(chainId)
    if (client !== undefined) clients.set(chainId, client)
  }
  return clients
}

/** @returns undefined where the environment has no endpoint of the chain */
export function openChainClient(chainId: bigint): ChainClient | undefined {
  const urls = rpcUrlsFromEnvironment(chainId, process.env)
  const privateRelayUrl = privateRpcUrlFromEnvironment(chainId, process.env)
  return urls.length === 0 ? undefined : createChainClient({ chainId, urls, privateRelayUrl })
}

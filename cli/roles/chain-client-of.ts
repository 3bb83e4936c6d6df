import { type ChainClient, createChainClient } from "../../platform/rpc/chain-client.ts"

const clients = new Map<string, ChainClient>()

/** What the indexer's own questions go through: to all endpoints of a chain, so that one that is away is missed by nobody. */
export function chainClientOf(chain: {
  readonly chain_id: number
  readonly rpc_urls: readonly string[]
}): ChainClient {
  const { chain_id: chainId, rpc_urls: urls } = chain
  const key = `${chainId} ${urls.join(" ")}`
  const known = clients.get(key) ?? createChainClient({ chainId: BigInt(chainId), urls })
  clients.set(key, known)
  return known
}

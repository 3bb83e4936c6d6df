import { parseIndexerSources } from "../../indexer/sources.ts"
import { describeError } from "../../platform/errors.ts"
import { callRpc } from "../stack/json-rpc.ts"
import { readGenesisHash } from "./indexer-schema.ts"

/** Why the indexer could not be started with these INDEXER_SOURCES; null: it could. */
export async function findSourcesProblem(sources: string): Promise<string | null> {
  try {
    for (const chain of parseIndexerSources(sources).chains) {
      await readGenesisHash(chain)
      const other = await findOtherChain(chain.chain_id, chain.rpc_urls)
      if (other !== null) return other
    }
    return null
  } catch (error) {
    return describeError(error)
  }
}

/** Our own reads leave an endpoint of another chain out; Ponder would index what it says. One that does not answer is missed by neither. */
async function findOtherChain(chainId: number, urls: readonly string[]): Promise<string | null> {
  const said = await Promise.allSettled(urls.map((url) => callRpc<string>(url, "eth_chainId")))
  for (const [index, answer] of said.entries()) {
    if (answer.status === "fulfilled" && BigInt(answer.value) !== BigInt(chainId))
      return `entry ${index + 1} of the endpoints of chain ${chainId} is one of chain ${BigInt(answer.value)}`
  }
  return null
}

import { createConfig } from "ponder"
import { auditAnchorAbi } from "../abis/audit-anchor.ts"
import { cpopTokenAbi } from "../abis/cpop-token.ts"
import { parseIndexerSources } from "./sources.ts"

/** Ponder's first limit for each entry of a chain's `rpc` list; it cannot be set. */
const PONDER_REQUESTS_PER_SECOND = 20

const { chains } = parseIndexerSources(process.env["INDEXER_SOURCES"])

/** Ponder takes a chain of another name for another app, and would index everything again: names change, ids do not. */
function perChain<Value>(of: (chain: (typeof chains)[number]) => Value): Record<string, Value> {
  return Object.fromEntries(chains.map((chain) => [`chain_${chain.chain_id}`, of(chain)]))
}

/** A contract that no chain has cannot be left out, for its handlers are there. Nothing logs under this address. */
const NOBODY = "0x0000000000000000000000000000000000000000"

export default createConfig({
  ordering: "multichain",
  database: { kind: "postgres", poolConfig: { max: 8 } },
  chains: perChain((chain) => ({
    id: chain.chain_id,
    // An endpoint that bears more is named several times, and so has several limits.
    rpc: chain.rpc_urls.flatMap((url) =>
      Array<string>(Math.ceil(chain.requests_per_second / PONDER_REQUESTS_PER_SECOND)).fill(url),
    ),
    pollingInterval: chain.polling_interval_ms,
    disableCache: chain.disable_cache,
    ...(chain.ws_url === undefined ? {} : { ws: chain.ws_url }),
  })),
  contracts: {
    Token: {
      abi: cpopTokenAbi,
      chain: perChain((chain) => ({
        address: [...chain.tokens, ...chain.treasuries] as `0x${string}`[],
        startBlock: chain.start_block,
      })),
    },
    AuditAnchor: {
      abi: auditAnchorAbi,
      chain: perChain((chain) => ({
        address: (chain.audit_anchor ?? NOBODY) as `0x${string}`,
        startBlock: chain.start_block,
      })),
    },
  },
  blocks: {
    // "latest" keeps back-fills cheap: a block row is wanted at the tip only, where one fetches every header anyway.
    Head: { chain: perChain(() => ({ startBlock: "latest" as const })), interval: 1 },
  },
})

import { z } from "zod"

const chainSourceSchema = z.strictObject({
  chain_id: z.int().positive(),
  /** For whoever reads the sources; nothing goes by it. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,31}$/, "lower-case letters, digits, - and _")
    .optional(),
  rpc_urls: z.array(z.url({ protocol: /^https?$/ })).min(1),
  /** Optional `ws(s)://` endpoint for new heads; polling goes on without it. */
  ws_url: z.url({ protocol: /^wss?$/ }).optional(),
  start_block: z.int().nonnegative(),
  polling_interval_ms: z.int().min(100).max(60_000).default(1_000),
  /** What each endpoint bears. Ponder starts every endpoint at 20 a second and learns slowly that it may go faster. */
  requests_per_second: z.int().min(20).max(2_000).default(20),
  /** Keep nothing of this chain in `ponder_sync`: for local chains, whose blocks are cheap to fetch again. */
  disable_cache: z.boolean().default(false),
  tokens: z
    .array(z.string().regex(/^0x[0-9a-f]{40}$/, "a lower-case 0x address"))
    .min(1)
    .max(10_000),
  /** The contracts that pay tokens out in batches; their events are those of a token that does so itself. */
  treasuries: z
    .array(z.string().regex(/^0x[0-9a-f]{40}$/, "a lower-case 0x address"))
    .max(10_000)
    .default([]),
  /** The contract that keeps checkpoints' roots there. */
  audit_anchor: z
    .string()
    .regex(/^0x[0-9a-f]{40}$/, "a lower-case 0x address")
    .nullable()
    .default(null),
})

const sourcesSchema = z
  .strictObject({ chains: z.array(chainSourceSchema).min(1).max(100) })
  .refine(({ chains }) => new Set(chains.map((chain) => chain.chain_id)).size === chains.length, {
    message: "a chain_id occurs twice",
    path: ["chains"],
  })

/** What is indexed: chains, where they are reached, and the contracts whose logs are kept. */
export type IndexerSources = z.infer<typeof sourcesSchema>

/**
 * Reads the JSON of `INDEXER_SOURCES`.
 * @throws Error that names each wrong field; it is meant for the operator who reads the log.
 */
export function parseIndexerSources(text: string | undefined): IndexerSources {
  if (text === undefined || text === "") {
    throw new Error('INDEXER_SOURCES is not set; it holds {"chains":[{"chain_id":…,"rpc_urls":[…],…}]}')
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new Error("INDEXER_SOURCES is not JSON", { cause })
  }
  const parsed = sourcesSchema.safeParse(json)
  if (!parsed.success) throw new Error(`INDEXER_SOURCES is not valid:\n${z.prettifyError(parsed.error)}`)
  return parsed.data
}

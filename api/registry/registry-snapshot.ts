import { type Kysely, sql } from "kysely"
import type { Address, Hex } from "viem"
import type { Priority } from "../../ledger/domain/priority.ts"
import type { Database } from "../../ledger/store/database.ts"
import type { RateLimit } from "../rate-limits/token-bucket.ts"
import { type TokenStrategyView, viewTokenStrategy } from "./token-strategy-view.ts"

export type RegisteredChain = {
  readonly chainId: bigint
  readonly name: string
  readonly confirmationBlocks: number
  readonly finality: "depth" | "safe"
  readonly blockTimeMs: number
  readonly explorerUrl: string | null
  readonly walletManager: Address
  readonly walletInitCodeHash: Hex
  readonly isRetired: boolean
}

export type RegisteredToken = {
  readonly tokenId: number
  readonly chain: RegisteredChain
  readonly address: Address
  readonly symbol: string
  readonly name: string
  readonly decimals: number
  readonly features: readonly string[]
  readonly settlementMode: string
  readonly isDefault: boolean
  /** It, or its chain: takes nothing new. */
  readonly isRetired: boolean
  readonly strategy: TokenStrategyView
}

export type RegisteredReason = {
  readonly reasonType: string
  readonly description: string
  readonly allowedMetadata: ReadonlySet<string>
  readonly autoBatch: boolean
  readonly priority: Priority
  readonly businessType: string
  /** No change may name it any more. */
  readonly isRetired: boolean
}

/** How long money may be set aside. */
export type HoldPolicy = { readonly defaultExpiryMs: number; readonly maxExpiryMs: number }

/** What holds where the configuration was never applied; the same as in config/sync_config.yaml. */
const defaultHoldPolicy: HoldPolicy = { defaultExpiryMs: 7 * 86_400_000, maxExpiryMs: 30 * 86_400_000 }

export type RateLimitPolicy = {
  /** null: nothing limits a key without a limit of its own. */
  readonly byDefault: RateLimit | null
  /** By caller, as in `key:<uuid>`. */
  readonly byCaller: ReadonlyMap<string, RateLimit>
}

/** The registry as it was at one moment. */
export type RegistrySnapshot = {
  readonly chains: ReadonlyMap<bigint, RegisteredChain>
  readonly tokens: ReadonlyMap<number, RegisteredToken>
  readonly tokensBySymbol: ReadonlyMap<string, readonly RegisteredToken[]>
  readonly reasons: ReadonlyMap<string, RegisteredReason>
  readonly holds: HoldPolicy
  readonly rateLimits: RateLimitPolicy
}

export async function readRegistry(db: Kysely<Database>): Promise<RegistrySnapshot> {
  const [chainRows, tokenRows, reasonRows, policies, rateLimits] = await Promise.all([
    db.selectFrom("registry.chains").selectAll().orderBy("chain_id").execute(),
    db.selectFrom("registry.tokens").selectAll().orderBy("chain_id").orderBy("symbol").execute(),
    db.selectFrom("registry.reasons").selectAll().orderBy("reason_type").execute(),
    sql<{ default_ms: bigint; max_ms: bigint }>`
      SELECT default_expiry_ms AS default_ms, max_expiry_ms AS max_ms FROM registry.hold_policy`.execute(db),
    readRateLimits(db),
  ])
  const chains = new Map<bigint, RegisteredChain>()
  for (const row of chainRows) {
    chains.set(row.chain_id, {
      chainId: row.chain_id,
      name: row.name,
      confirmationBlocks: row.confirmation_blocks,
      finality: row.finality,
      blockTimeMs: row.block_time_ms,
      explorerUrl: row.explorer_url,
      walletManager: row.wallet_manager as Address,
      walletInitCodeHash: row.wallet_init_code_hash as Hex,
      isRetired: row.is_retired,
    })
  }
  const tokens = new Map<number, RegisteredToken>()
  const tokensBySymbol = new Map<string, RegisteredToken[]>()
  for (const row of tokenRows) {
    const chain = chains.get(row.chain_id)
    // The chain was registered between the two reads: the next load has both.
    if (chain === undefined) continue
    const token: RegisteredToken = {
      tokenId: row.token_id,
      chain,
      address: row.token_address as Address,
      symbol: row.symbol,
      name: row.name,
      decimals: row.decimals,
      features: row.features,
      settlementMode: row.settlement_mode,
      isDefault: row.is_default,
      isRetired: row.is_retired || chain.isRetired,
      strategy: viewTokenStrategy(row.strategy),
    }
    tokens.set(token.tokenId, token)
    tokensBySymbol.set(token.symbol, [...(tokensBySymbol.get(token.symbol) ?? []), token])
  }
  const reasons = new Map<string, RegisteredReason>()
  for (const row of reasonRows) {
    reasons.set(row.reason_type, {
      reasonType: row.reason_type,
      description: row.description,
      allowedMetadata: new Set(row.allowed_metadata),
      autoBatch: row.auto_batch,
      priority: row.priority,
      businessType: row.business_type,
      isRetired: row.is_retired,
    })
  }
  const [policy] = policies.rows
  const holds =
    policy === undefined
      ? defaultHoldPolicy
      : { defaultExpiryMs: Number(policy.default_ms), maxExpiryMs: Number(policy.max_ms) }
  return { chains, tokens, tokensBySymbol, reasons, holds, rateLimits }
}

async function readRateLimits(db: Kysely<Database>): Promise<RateLimitPolicy> {
  const [policy, keys] = await Promise.all([
    db.selectFrom("registry.rate_limit_policy").selectAll().executeTakeFirst(),
    db.selectFrom("registry.key_rate_limits").selectAll().execute(),
  ])
  const requestsPerSecond = policy?.requests_per_second ?? null
  const burst = policy?.burst ?? null
  return {
    byDefault: requestsPerSecond === null || burst === null ? null : { requestsPerSecond, burst },
    byCaller: new Map(
      keys.map((key) => [
        `key:${key.key_id}`,
        { requestsPerSecond: key.requests_per_second, burst: key.burst },
      ]),
    ),
  }
}

import { randomUUID } from "node:crypto"
import { join } from "node:path"
import type { Kysely } from "kysely"
import { createApiKey } from "../../api/identity/api-key.ts"
import { scopes as everyScope } from "../../api/scopes.ts"
import { ensureApiKey, ensureApp } from "../../cli/registry/ensure-app.ts"
import type { App } from "../../ledger/store/create-app.ts"
import type { Database } from "../../ledger/store/database.ts"
import { loadConfiguration } from "../../platform/config/load-configuration.ts"
import { resolveTokenStrategy } from "../../platform/config/token-strategy.ts"

type SeededToken = {
  readonly tokenId: number
  readonly chainId: bigint
  readonly symbol: string
  readonly decimals: number
  readonly address: string
}

export type SeededRegistry = {
  readonly app: App
  /** Of the app, with every scope; it may also do what concerns every app. */
  readonly apiKey: string
  /** CPOP on 31337 · USDT on 31337 and 31338, no default · GOLD on both, default on 31337 · POINT, without decimals, on 31337. */
  readonly tokens: {
    readonly cpop: SeededToken
    readonly usdt: SeededToken
    readonly usdtElsewhere: SeededToken
    readonly gold: SeededToken
    readonly goldElsewhere: SeededToken
    readonly point: SeededToken
  }
}

const firstChainId = 31_337n
const secondChainId = 31_338n

/**
 * Two chains, the shipped reasons, a handful of tokens with the shipped strategy, one app with a key. No contract is deployed: the addresses are
 * placeholders. @param cpopAddress the real token, where a test has one
 */
export async function seedRegistry(
  db: Kysely<Database>,
  options: {
    readonly appName?: string
    readonly cpopAddress?: string
    readonly walletManager?: string
    readonly walletInitCodeHash?: string
  } = {},
): Promise<SeededRegistry> {
  const configuration = loadConfiguration({ directory: join(import.meta.dirname, "../../config") })
  for (const [chainId, name] of [
    [firstChainId, "local"],
    [secondChainId, "elsewhere"],
  ] as const) {
    await db
      .insertInto("registry.chains")
      .values({
        chain_id: chainId,
        name,
        confirmation_blocks: 2,
        finality: "depth",
        block_time_ms: 1_000,
        start_block: 0n,
        genesis_hash: `0x${"11".repeat(32)}`,
        explorer_url: chainId === firstChainId ? "https://explorer.example" : null,
        wallet_manager: options.walletManager ?? `0x${"22".repeat(20)}`,
        wallet_init_code_hash: options.walletInitCodeHash ?? `0x${"33".repeat(32)}`,
      })
      .execute()
  }
  for (const [reasonType, reason] of Object.entries(configuration.reasons)) {
    await db
      .insertInto("registry.reasons")
      .values({ reason_type: reasonType, ...reason })
      .execute()
  }
  const token = async (
    chainId: bigint,
    symbol: string,
    decimals: number,
    address: string,
    isDefault = false,
  ): Promise<SeededToken> => {
    const { token_id: tokenId } = await db
      .insertInto("registry.tokens")
      .values({
        chain_id: chainId,
        token_address: address.toLowerCase(),
        symbol,
        name: `${symbol} of the test`,
        decimals,
        features: ["settle"],
        settlement_mode: "settle",
        start_block: 0n,
        is_default: isDefault,
        strategy: JSON.stringify(resolveTokenStrategy(configuration.batchStrategy, Number(chainId), symbol)),
        drift_threshold: 0n,
      })
      .returning("token_id")
      .executeTakeFirstOrThrow()
    return { tokenId, chainId, symbol, decimals, address: address.toLowerCase() }
  }
  const tokens = {
    cpop: await token(firstChainId, "CPOP", 18, options.cpopAddress ?? `0x${"c0".repeat(20)}`, true),
    usdt: await token(firstChainId, "USDT", 6, `0x${"d0".repeat(20)}`),
    usdtElsewhere: await token(secondChainId, "USDT", 6, `0x${"d1".repeat(20)}`),
    gold: await token(firstChainId, "GOLD", 18, `0x${"e0".repeat(20)}`, true),
    goldElsewhere: await token(secondChainId, "GOLD", 18, `0x${"e1".repeat(20)}`),
    point: await token(firstChainId, "POINT", 0, `0x${"f0".repeat(20)}`),
  }
  const app = await ensureApp(db, options.appName ?? randomUUID())
  const apiKey = createApiKey()
  await ensureApiKey(db, app, apiKey, everyScope, true)
  return { app, apiKey, tokens }
}

/** One more app with a ledger and a key. @param scopes every one, unless named */
export async function seedApp(
  db: Kysely<Database>,
  name: string = randomUUID(),
  scopes?: readonly string[],
): Promise<{ readonly app: App; readonly apiKey: string }> {
  const app = await ensureApp(db, name)
  return { app, apiKey: await seedKey(db, app, scopes) }
}

/** One more key of an app. */
export async function seedKey(db: Kysely<Database>, app: App, scopes?: readonly string[]): Promise<string> {
  const apiKey = createApiKey()
  await ensureApiKey(db, app, apiKey, scopes)
  return apiKey
}

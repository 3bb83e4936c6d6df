import type { Kysely } from "kysely"
import type pg from "pg"
import type { Address, Hex } from "viem"
import type { SettlementMode } from "../ledger/domain/batch-calls.ts"
import type { Database } from "../ledger/store/database.ts"
import type { AddressList } from "../platform/address-list.ts"
import type { Logger } from "../platform/logger.ts"
import type { OidcOptions } from "./identity/oidc.ts"
import type { PasswordCost } from "./identity/passwords.ts"
import type { ApiLimits } from "./limits.ts"
import type { ResolveName } from "./webhooks/resolve-name.ts"

/** The few questions that the API asks of a chain; each rejects when no endpoint answers in time. */
export type ChainReader = {
  /** `balanceOf(account)` at the newest block, in base units. */
  balanceOf(
    chainId: bigint,
    token: Address,
    account: Address,
  ): Promise<{ readonly amountBaseUnits: bigint; readonly blockNumber: bigint }>
  /** Whether there is code at the address. */
  isDeployed(chainId: bigint, address: Address): Promise<boolean>
  headBlock(chainId: bigint): Promise<bigint>
}

export type TokenOnTrial = {
  readonly chainId: bigint
  readonly symbol: string
  readonly address: Address
  readonly decimals: number
  readonly mode: SettlementMode
  /** Of the mode treasury. */
  readonly treasury: Address | null
}

/** Holds what is to be registered against its chain, as `chainbridge config apply` does; each rejects when no endpoint answers. */
export type RegistryChecks = {
  /** @returns `problem`: what is wrong, with what to do; null: nothing. `warnings`: what could not be checked */
  checkToken(token: TokenOnTrial): Promise<{
    readonly problem: string | null
    readonly warnings: readonly string[]
    readonly headBlock: bigint
  }>
  inspectChain(
    chainId: bigint,
    walletManager: Address,
  ): Promise<
    | { readonly genesisHash: Hex; readonly walletInitCodeHash: Hex }
    | { readonly field: string; readonly problem: string }
  >
}

/** Who may call, beyond what the database knows. */
export type IdentityOptions = {
  /** Access tokens of people are signed with the first, 32 bytes, and believed with any; without one nobody can sign in. */
  readonly tokenSecrets?: readonly Buffer[]
  /** Who may vouch for people, too. */
  readonly oidc?: OidcOptions
  /** What a guess of a password costs; for tests. */
  readonly passwordCost?: PasswordCost
  /** Whose X-Forwarded-For is believed. */
  readonly trustedProxies?: AddressList | null
}

/** What webhooks need, beyond what the database knows. */
export type WebhookOptions = {
  /** Secrets of endpoints are kept under the first, 32 bytes, and read with any; without one there can be no webhooks. */
  readonly secretKeys?: readonly Buffer[]
  /** Of the names of endpoints' hosts. */
  readonly resolve?: ResolveName
}

/** What the composition root hands to the API. */
export type ApiContext = {
  readonly db: Kysely<Database>
  /** Of createWriterPool: the ledger's writers work on it. */
  readonly writerPool: pg.Pool
  /** For LISTEN; without it changes of the registry are noticed by their age only. */
  readonly databaseUrl?: string
  readonly logger: Logger
  readonly host: string
  /** 0 picks a free one. */
  readonly port: number
  readonly version: string
  /** Without it whatever only the chain can tell is null, and `realtime=true` is refused. */
  readonly rpc?: ChainReader
  /** Without it no chain and no token can be registered. */
  readonly checks?: RegistryChecks
  /** Where the buckets of the rate limits are; without it each process has its own. */
  readonly redisUrl?: string
  readonly limits?: Partial<ApiLimits>
  /** Whose pages may call from a browser; nobody's, unless named. */
  readonly corsOrigins?: readonly string[]
  readonly identity?: IdentityOptions
  readonly webhooks?: WebhookOptions
}

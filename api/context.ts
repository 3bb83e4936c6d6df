import type { Kysely } from "kysely"
import type pg from "pg"
import type { Address } from "viem"
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
  /** Where the buckets of the rate limits are; without it each process has its own. */
  readonly redisUrl?: string
  readonly limits?: Partial<ApiLimits>
  readonly identity?: IdentityOptions
  readonly webhooks?: WebhookOptions
}

import type { Kysely } from "kysely"
import type pg from "pg"
import type { Address } from "viem"
import type { Database } from "../ledger/store/database.ts"
import type { Logger } from "../platform/logger.ts"
import type { ApiLimits } from "./limits.ts"

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
  readonly limits?: Partial<ApiLimits>
}

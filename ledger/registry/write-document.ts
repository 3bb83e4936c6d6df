import { type Kysely, sql } from "kysely"
import type { z } from "zod"
import type { chainDocumentSchema } from "../../platform/config/chains-schema.ts"
import type { reasonDocumentSchema } from "../../platform/config/reason-registry-schema.ts"
import type { TokenStrategy } from "../../platform/config/token-strategy.ts"
import type { tokenDocumentSchema } from "../../platform/config/tokens-schema.ts"
import type { SettlementMode } from "../domain/batch-calls.ts"
import type { Database } from "../store/database.ts"

export type ChainDocument = z.output<typeof chainDocumentSchema>
export type TokenDocument = z.output<typeof tokenDocumentSchema>
export type ReasonDocument = z.output<typeof reasonDocumentSchema>

export type TokenKey = { readonly chainId: bigint; readonly symbol: string }

/** What a token is once and for all. */
export type FixedOfToken = {
  readonly chainId: bigint
  readonly address: string
  readonly symbol: string
  readonly decimals: number
  readonly mode: SettlementMode
  readonly treasury: string | null
  readonly startBlock: bigint
}

/** What a chain is once and for all. */
export type FixedOfChain = {
  readonly chainId: bigint
  readonly genesisHash: string
  readonly walletManager: string
  readonly walletInitCodeHash: string
  readonly startBlock: bigint
}

const reasonInsertion = (db: Kysely<Database>, reasonType: string, document: ReasonDocument) =>
  db.insertInto("registry.reasons").values({ reason_type: reasonType, ...document })

/** Of an entry that is locked, whether it is there or not. */
export async function writeReason(
  db: Kysely<Database>,
  reasonType: string,
  document: ReasonDocument,
): Promise<void> {
  await reasonInsertion(db, reasonType, document)
    .onConflict((conflict) => conflict.column("reason_type").doUpdateSet(document))
    .execute()
}

/** @throws where there is one already */
export async function insertReason(
  db: Kysely<Database>,
  reasonType: string,
  document: ReasonDocument,
): Promise<void> {
  await reasonInsertion(db, reasonType, document).execute()
}

export async function writeChain(
  db: Kysely<Database>,
  chainId: bigint,
  document: ChainDocument,
): Promise<void> {
  await db
    .updateTable("registry.chains")
    .set(chainColumns(document))
    .where("chain_id", "=", chainId)
    .execute()
}

export async function insertChain(
  db: Kysely<Database>,
  fixed: FixedOfChain,
  document: ChainDocument,
): Promise<void> {
  await db
    .insertInto("registry.chains")
    .values({
      chain_id: fixed.chainId,
      genesis_hash: fixed.genesisHash,
      wallet_manager: fixed.walletManager.toLowerCase(),
      wallet_init_code_hash: fixed.walletInitCodeHash,
      start_block: fixed.startBlock,
      ...chainColumns(document),
    })
    .execute()
}

export async function writeToken(
  db: Kysely<Database>,
  { chainId, symbol }: TokenKey,
  document: TokenDocument,
): Promise<void> {
  await db
    .updateTable("registry.tokens")
    .set(tokenColumns(document))
    .where("chain_id", "=", chainId)
    .where("symbol", "=", symbol)
    .execute()
}

export async function insertToken(
  db: Kysely<Database>,
  fixed: FixedOfToken,
  document: TokenDocument,
  strategy: TokenStrategy,
): Promise<void> {
  await db
    .insertInto("registry.tokens")
    .values({
      chain_id: fixed.chainId,
      token_address: fixed.address.toLowerCase(),
      symbol: fixed.symbol,
      decimals: fixed.decimals,
      settlement_mode: fixed.mode,
      treasury: fixed.treasury,
      start_block: fixed.startBlock,
      strategy: JSON.stringify(strategy),
      ...tokenColumns(document),
    })
    .execute()
}

export async function writeStrategy(
  db: Kysely<Database>,
  { chainId, symbol }: TokenKey,
  strategy: TokenStrategy,
): Promise<void> {
  await sql`
    UPDATE registry.tokens SET strategy = ${JSON.stringify(strategy)}::jsonb
    WHERE chain_id = ${chainId} AND symbol = ${symbol}`.execute(db)
}

function chainColumns({ max_fee_per_gas, private_relay_alone_ms, ...document }: ChainDocument) {
  return {
    ...document,
    max_fee_per_gas: max_fee_per_gas === null ? null : BigInt(max_fee_per_gas),
    replace_after_ms: BigInt(document.replace_after_ms),
    replace_after_max_ms: BigInt(document.replace_after_max_ms),
    private_relay_alone_ms: private_relay_alone_ms === null ? null : BigInt(private_relay_alone_ms),
  }
}

function tokenColumns(document: TokenDocument) {
  return {
    ...document,
    drift_threshold: BigInt(document.drift_threshold),
    reconciliation_interval_ms: BigInt(document.reconciliation_interval_ms),
  }
}

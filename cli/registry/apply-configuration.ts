import { type Kysely, sql } from "kysely"
import { parseAmount } from "../../ledger/domain/amount.ts"
import type { SettlementMode } from "../../ledger/domain/batch-calls.ts"
import { registryChangedChannel } from "../../ledger/store/channels.ts"
import type { Database } from "../../ledger/store/database.ts"
import type { Configuration } from "../../platform/config/load-configuration.ts"
import { resolveTokenStrategy } from "../../platform/config/token-strategy.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { type ConfiguredToken, chooseMode } from "./choose-mode.ts"
import { chooseTreasury } from "./choose-treasury.ts"

/** What the configuration files cannot know of a chain: read from the chain itself. */
export type ChainFacts = {
  readonly chainId: number
  readonly genesisHash: string
  readonly walletManager: string
  readonly walletInitCodeHash: string
  /** The AuditAnchor that was deployed, or that the registry knows; null: none. */
  readonly auditAnchor: string | null
  /** The Treasury that was deployed, or that the registry knows; null: none. */
  readonly treasury: string | null
  /** Contracts that `start` deployed, by symbol, for tokens whose address is `deployed`. */
  readonly deployedTokens: Readonly<Record<string, { readonly address: string; readonly startBlock: number }>>
}

/**
 * Writes chains, tokens, reasons, when checkpoints and anchors are due and how long holds last to the registry, where the processes read them, in one transaction. What is in the
 * registry and no longer in the files stays: ledgers refer to it.
 */
export async function applyConfiguration(
  db: Kysely<Database>,
  configuration: Configuration,
  facts: readonly ChainFacts[],
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    for (const fact of facts) {
      await applyChain(trx, configuration, fact)
      await applyTokens(trx, configuration, fact)
    }
    for (const [reasonType, reason] of Object.entries(configuration.reasons)) {
      const row = {
        description: reason.description,
        allowed_metadata: reason.allowed_metadata,
        auto_batch: reason.auto_batch,
        priority: reason.priority,
        business_type: reason.business_type,
      }
      await trx
        .insertInto("registry.reasons")
        .values({ reason_type: reasonType, ...row })
        .onConflict((conflict) => conflict.column("reason_type").doUpdateSet(row))
        .execute()
    }
    await applyAuditPolicy(trx, configuration)
    await applyHoldPolicy(trx, configuration)
    await applyImportPolicy(trx, configuration)
    await applyRateLimit(trx, configuration)
    await applyWebhookPolicy(trx, configuration)
    await sql`SELECT pg_notify(${registryChangedChannel}, '')`.execute(trx)
  })
}

async function applyAuditPolicy(db: Kysely<Database>, { sync }: Configuration): Promise<void> {
  const row = {
    events: BigInt(sync.audit.checkpoint_events),
    interval_ms: BigInt(sync.audit.checkpoint_interval),
  }
  await db
    .insertInto("registry.checkpoint_policy")
    .values(row)
    .onConflict((conflict) => conflict.column("is_only_row").doUpdateSet(row))
    .execute()
  const { anchor_chain_id: chainId, anchor_interval: interval } = sync.audit
  const anchors = { chain_id: chainId === null ? null : BigInt(chainId), interval_ms: BigInt(interval) }
  await db
    .insertInto("registry.anchor_policy")
    .values(anchors)
    .onConflict((conflict) => conflict.column("is_only_row").doUpdateSet(anchors))
    .execute()
}

async function applyImportPolicy(db: Kysely<Database>, { sync }: Configuration): Promise<void> {
  const row = { ...sync.imports, body_bytes_max: BigInt(sync.imports.body_bytes_max) }
  await db
    .insertInto("registry.import_policy")
    .values(row)
    .onConflict((conflict) => conflict.column("is_only_row").doUpdateSet(row))
    .execute()
}

async function applyRateLimit(db: Kysely<Database>, { sync }: Configuration): Promise<void> {
  const { enabled, requests_per_second, burst } = sync.rate_limit
  const row = enabled ? { requests_per_second, burst } : { requests_per_second: null, burst: null }
  await db
    .insertInto("registry.rate_limit_policy")
    .values(row)
    .onConflict((conflict) => conflict.column("is_only_row").doUpdateSet(row))
    .execute()
}

async function applyWebhookPolicy(db: Kysely<Database>, { sync }: Configuration): Promise<void> {
  const { allow_http, allowed_targets, disable_after, log_kept } = sync.webhooks
  const row = {
    ...{ allow_http, allowed_targets },
    disable_after_ms: BigInt(disable_after),
    log_kept_ms: BigInt(log_kept),
  }
  await db
    .insertInto("registry.webhook_policy")
    .values(row)
    .onConflict((conflict) => conflict.column("is_only_row").doUpdateSet(row))
    .execute()
}

async function applyHoldPolicy(db: Kysely<Database>, { sync }: Configuration): Promise<void> {
  const { default_expiry: byDefault, max_expiry: most } = sync.holds
  await sql`
    INSERT INTO registry.hold_policy (default_expiry_ms, max_expiry_ms) VALUES (${byDefault}, ${most})
    ON CONFLICT (is_only_row) DO UPDATE SET default_expiry_ms = excluded.default_expiry_ms, max_expiry_ms = excluded.max_expiry_ms`.execute(
    db,
  )
}

async function applyChain(
  db: Kysely<Database>,
  configuration: Configuration,
  fact: ChainFacts,
): Promise<void> {
  const entry = Object.entries(configuration.chains).find(([, chain]) => chain.chain_id === fact.chainId)
  if (entry === undefined) {
    throw new ChainBridgeError("CONFIG_INVALID", `chains.yaml has no chain with chain_id ${fact.chainId}`)
  }
  const [name, chain] = entry
  // The genesis hash and the wallets' factory are left out of the update: with another one it is another chain.
  const changeable = {
    name,
    confirmation_blocks: chain.confirmation_blocks,
    finality: chain.finality,
    block_time_ms: chain.block_time,
    explorer_url: chain.explorer_url,
    audit_anchor: await chooseAnchor(db, fact, chain.audit_anchor),
    transaction_type: chain.transaction_type,
    max_fee_per_gas: chain.max_fee === null ? null : weiOf(chain.max_fee),
    replace_after_ms: BigInt(chain.replace_after),
    replace_after_max_ms: BigInt(chain.replace_after_max),
    private_relay_alone_ms: chain.private_relay_alone === null ? null : BigInt(chain.private_relay_alone),
  }
  await db
    .insertInto("registry.chains")
    .values({
      chain_id: BigInt(fact.chainId),
      ...changeable,
      start_block: BigInt(chain.start_block),
      genesis_hash: fact.genesisHash,
      wallet_manager: fact.walletManager.toLowerCase(),
      wallet_init_code_hash: fact.walletInitCodeHash,
    })
    .onConflict((conflict) => conflict.column("chain_id").doUpdateSet(changeable))
    .execute()
}

/** @param gwei as the configuration's schema lets it be */
function weiOf(gwei: string): bigint {
  const parsed = parseAmount(gwei, 9, "forbidden")
  if ("refused" in parsed)
    throw new ChainBridgeError("CONFIG_INVALID", `chains.yaml: max_fee is "${gwei}": ${parsed.message}`)
  return parsed.amountBaseUnits
}

/** A contract that anchors stand in stays the chain's: they are confirmed, and taken back, by its logs. */
async function chooseAnchor(
  db: Kysely<Database>,
  { chainId, auditAnchor }: ChainFacts,
  configured: string,
): Promise<string | null> {
  const chosen = configured === "deployed" ? auditAnchor : configured === "none" ? null : configured
  const address = chosen?.toLowerCase() ?? null
  const row = await db
    .selectFrom("registry.chains")
    .select("audit_anchor")
    .where("chain_id", "=", BigInt(chainId))
    .executeTakeFirst()
  const known = row?.audit_anchor ?? null
  if (known !== null && known !== address) {
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `chains.yaml: audit_anchor of chain ${chainId} is ${configured}; allowed: ${known}, where its checkpoints are anchored`,
    )
  }
  return address
}

async function applyTokens(
  db: Kysely<Database>,
  configuration: Configuration,
  fact: ChainFacts,
): Promise<void> {
  for (const group of Object.values(configuration.tokens)) {
    if (group.chain_id !== fact.chainId) continue
    for (const token of group.tokens) {
      const deployed = fact.deployedTokens[token.symbol]
      const address = token.address === "deployed" ? deployed?.address : token.address
      if (address === undefined) {
        throw new ChainBridgeError(
          "CONFIG_INVALID",
          `tokens.yaml: ${token.symbol} on chain ${fact.chainId} has the address "deployed", and nothing was deployed`,
        )
      }
      const mode = chooseMode(fact.chainId, token)
      const registered = await findToken(db, fact.chainId, address)
      if (registered !== undefined) refuseChange(fact.chainId, token, mode, registered)
      const treasury =
        mode === "treasury"
          ? chooseKnownTreasury(configuration, fact, token.symbol, registered?.treasury ?? null)
          : null
      const changeable = {
        name: token.name,
        treasury,
        features: token.features,
        is_default: token.is_default,
        strategy: JSON.stringify(
          resolveTokenStrategy(configuration.batchStrategy, fact.chainId, token.symbol),
        ),
        drift_threshold: BigInt(token.drift_threshold),
        reconciliation_interval_ms: BigInt(configuration.sync.reconciliation.balance_check_interval),
      }
      await db
        .insertInto("registry.tokens")
        .values({
          chain_id: BigInt(fact.chainId),
          token_address: address.toLowerCase(),
          symbol: token.symbol,
          decimals: token.decimals,
          settlement_mode: mode,
          start_block: BigInt(token.start_block ?? deployed?.startBlock ?? 0),
          ...changeable,
        })
        .onConflict((conflict) => conflict.columns(["chain_id", "token_address"]).doUpdateSet(changeable))
        .execute()
    }
  }
}

type RegisteredToken = {
  readonly decimals: number
  readonly settlement_mode: SettlementMode
  readonly treasury: string | null
}

function findToken(
  db: Kysely<Database>,
  chainId: number,
  address: string,
): Promise<RegisteredToken | undefined> {
  return db
    .selectFrom("registry.tokens")
    .select(["decimals", "settlement_mode", "treasury"])
    .where("chain_id", "=", BigInt(chainId))
    .where("token_address", "=", address.toLowerCase())
    .executeTakeFirst()
}

/** Balances are counted in a token's units, and batches are under way in its mode: both stay what they were when it was registered. Whoever changes them in the files has to hear that. */
function refuseChange(
  chainId: number,
  token: ConfiguredToken,
  mode: SettlementMode,
  registered: RegisteredToken,
): void {
  const where = `tokens.yaml: ${token.symbol} on chain ${chainId}`
  const { decimals, settlement_mode: known } = registered
  if (mode !== known)
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `${where} is to be settled by ${mode}; allowed: ${known}, which it was registered with (settlement_mode)`,
    )
  if (token.decimals !== decimals)
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `${where} has ${token.decimals} decimals; allowed: ${decimals}, which it was registered with`,
    )
}

/** What has paid a token stays what pays it: no other contract knows which batches that were. */
function chooseKnownTreasury(
  configuration: Configuration,
  { chainId, treasury: deployed }: ChainFacts,
  symbol: string,
  known: string | null,
): string {
  const chosen = chooseTreasury(configuration, chainId, deployed)
  if (chosen !== null && (known === null || known === chosen)) return chosen
  const allowed = known === null ? "an address, or deployed" : `${known}, which pays ${symbol}`
  throw new ChainBridgeError(
    "CONFIG_INVALID",
    `chains.yaml: treasury of chain ${chainId} is ${chosen ?? "none"}; allowed: ${allowed}`,
  )
}

import { type Kysely, sql, type Transaction } from "kysely"
import type { z } from "zod"
import { parseAmount } from "../../ledger/domain/amount.ts"
import type { SettlementMode } from "../../ledger/domain/batch-calls.ts"
import type { Initiator } from "../../ledger/domain/operator-action.ts"
import { nameChange } from "../../ledger/registry/name-change.ts"
import {
  insertChain,
  insertToken,
  writeChain,
  writeReason,
  writeStrategy,
  writeToken,
} from "../../ledger/registry/write-document.ts"
import { registryChangedChannel } from "../../ledger/store/channels.ts"
import type { Database } from "../../ledger/store/database.ts"
import { chainDocumentSchema } from "../../platform/config/chains-schema.ts"
import { describeIssue } from "../../platform/config/describe-issue.ts"
import type { Configuration } from "../../platform/config/load-configuration.ts"
import { resolveTokenStrategy } from "../../platform/config/token-strategy.ts"
import { tokenStrategySchema } from "../../platform/config/token-strategy-schema.ts"
import { tokenDocumentSchema } from "../../platform/config/tokens-schema.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { commandInitiator } from "../commands/command-initiator.ts"
import {
  describeRuntimeChange,
  mergeDocument,
  type RuntimeChange,
  type WhenChanged,
} from "./apply-documents.ts"
import { applyPolicies } from "./apply-policies.ts"
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

export type ApplyOptions = {
  readonly initiator: Initiator
  /** Stays with the versions. */
  readonly reason: string
  readonly whenChanged: WhenChanged
}

const byCommand = (): ApplyOptions => ({
  initiator: commandInitiator(),
  reason: "the configuration files were applied",
  whenChanged: "refuse",
})

type Applying = {
  readonly trx: Transaction<Database>
  readonly configuration: Configuration
  readonly whenChanged: WhenChanged
  readonly found: RuntimeChange[]
}

/**
 * Writes chains, tokens, reasons, when checkpoints and anchors are due and how long holds last to the registry, where the processes read them, in one transaction. What is in the
 * registry and no longer in the files stays: ledgers refer to it.
 * @returns what was changed at run time and is otherwise in the files
 * @throws ChainBridgeError CONFIG_INVALID, REGISTRY_CHANGED; then nothing is written
 */
export function applyConfiguration(
  db: Kysely<Database>,
  configuration: Configuration,
  facts: readonly ChainFacts[],
  { initiator, reason, whenChanged }: ApplyOptions = byCommand(),
): Promise<readonly RuntimeChange[]> {
  return db.transaction().execute(async (trx) => {
    // Two who apply at once would both find that there is no such entry yet.
    await sql`SELECT pg_advisory_xact_lock(hashtext('chainbridge config apply'))`.execute(trx)
    const found: RuntimeChange[] = []
    const applying = { trx, configuration, whenChanged, found }
    await nameChange(trx, initiator, { reason })
    // A strategy may name a reason that is new.
    for (const [reasonType, entry] of Object.entries(configuration.reasons)) {
      const document = { kind: "reason", entryId: reasonType, document: entry } as const
      await writeReason(trx, reasonType, await mergeDocument(trx, document, whenChanged, found))
    }
    for (const fact of facts) {
      await applyChain(applying, fact)
      await applyTokens(applying, fact)
    }
    await applyPolicies(trx, configuration)
    if (whenChanged === "refuse" && found.length > 0) refuseToOverwrite(found)
    await sql`SELECT pg_notify(${registryChangedChannel}, '')`.execute(trx)
    return found
  })
}

function refuseToOverwrite(found: readonly RuntimeChange[]): never {
  throw new ChainBridgeError(
    "REGISTRY_CHANGED",
    [
      "changed at run time, and otherwise in the files; nothing was applied:",
      ...found.map((change) => `  ${describeRuntimeChange(change)}`),
      "take the files' values with --overwrite, keep what is in force with --keep, or correct the files",
    ].join("\n"),
  )
}

async function applyChain(
  { trx, configuration, whenChanged, found }: Applying,
  fact: ChainFacts,
): Promise<void> {
  const entry = Object.entries(configuration.chains).find(([, chain]) => chain.chain_id === fact.chainId)
  if (entry === undefined) {
    throw new ChainBridgeError("CONFIG_INVALID", `chains.yaml has no chain with chain_id ${fact.chainId}`)
  }
  const [name, chain] = entry
  const chainId = BigInt(fact.chainId)
  const wanted = {
    name,
    confirmation_blocks: chain.confirmation_blocks,
    finality: chain.finality,
    block_time_ms: chain.block_time,
    explorer_url: chain.explorer_url,
    transaction_type: chain.transaction_type,
    max_fee_per_gas: chain.max_fee === null ? null : weiOf(chain.max_fee).toString(),
    replace_after_ms: chain.replace_after,
    replace_after_max_ms: chain.replace_after_max,
    private_relay_alone_ms: chain.private_relay_alone,
  }
  const entryOf = { kind: "chain", entryId: chainId.toString(), document: wanted } as const
  const merged = await mergeDocument(trx, entryOf, whenChanged, found)
  const document = valid(chainDocumentSchema, merged, `chains.yaml: ${name}:`)
  const auditAnchor = await chooseAnchor(trx, fact, chain.audit_anchor)
  const known = await trx
    .selectFrom("registry.chains")
    .select("audit_anchor")
    .where("chain_id", "=", chainId)
    .executeTakeFirst()
  // The genesis hash and the wallets' factory are left out of the update: with another one it is another chain.
  if (known === undefined)
    await insertChain(
      trx,
      {
        chainId,
        genesisHash: fact.genesisHash,
        walletManager: fact.walletManager,
        walletInitCodeHash: fact.walletInitCodeHash,
        startBlock: BigInt(chain.start_block),
      },
      document,
    )
  else await writeChain(trx, chainId, document)
  if (auditAnchor !== (known?.audit_anchor ?? null))
    await trx
      .updateTable("registry.chains")
      .set({ audit_anchor: auditAnchor })
      .where("chain_id", "=", chainId)
      .execute()
}

/** Held to what the API holds it to. */
function valid<Schema extends z.ZodType>(schema: Schema, document: unknown, where: string): z.output<Schema> {
  const parsed = schema.safeParse(document)
  if (parsed.success) return parsed.data
  const faults = parsed.error.issues.map((issue) => `${where} ${describeIssue(issue, document, "it")}`)
  throw new ChainBridgeError("CONFIG_INVALID", faults.join("\n"))
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

async function applyTokens(applying: Applying, fact: ChainFacts): Promise<void> {
  for (const group of Object.values(applying.configuration.tokens)) {
    if (group.chain_id !== fact.chainId) continue
    for (const token of group.tokens) await applyToken(applying, fact, token)
  }
}

async function applyToken(
  { trx, configuration, whenChanged, found }: Applying,
  fact: ChainFacts,
  token: ConfiguredToken,
): Promise<void> {
  const { symbol } = token
  const chainId = BigInt(fact.chainId)
  const deployed = fact.deployedTokens[symbol]
  const address = token.address === "deployed" ? deployed?.address : token.address
  if (address === undefined) {
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `tokens.yaml: ${symbol} on chain ${fact.chainId} has the address "deployed", and nothing was deployed`,
    )
  }
  const mode = chooseMode(fact.chainId, token)
  const registered = await findToken(trx, fact.chainId, address)
  if (registered !== undefined) refuseChange(fact.chainId, token, mode, registered)
  const treasury =
    mode === "treasury"
      ? chooseKnownTreasury(configuration, fact, symbol, registered?.treasury ?? null)
      : null
  const entryId = `${chainId}:${symbol}`
  const wanted = {
    name: token.name,
    features: token.features,
    is_default: token.is_default,
    drift_threshold: token.drift_threshold,
    reconciliation_interval_ms: configuration.sync.reconciliation.balance_check_interval,
  }
  const where = `tokens.yaml: ${symbol} on chain ${fact.chainId}:`
  const merged = await mergeDocument(trx, { kind: "token", entryId, document: wanted }, whenChanged, found)
  const document = valid(tokenDocumentSchema, merged, where)
  const resolved = resolveTokenStrategy(configuration.batchStrategy, fact.chainId, symbol)
  const { is_retired: _, ...strategy } = await mergeDocument(
    trx,
    { kind: "strategy", entryId, document: resolved },
    whenChanged,
    found,
  )
  const key = { chainId, symbol }
  if (registered === undefined) {
    const startBlock = BigInt(token.start_block ?? deployed?.startBlock ?? 0)
    const fixed = { ...key, address, decimals: token.decimals, mode, treasury, startBlock }
    await insertToken(trx, fixed, document, valid(tokenStrategySchema, strategy, where))
    return
  }
  await writeToken(trx, key, document)
  await writeStrategy(trx, key, valid(tokenStrategySchema, strategy, where))
  if (treasury !== registered.treasury)
    await trx
      .updateTable("registry.tokens")
      .set({ treasury })
      .where("chain_id", "=", chainId)
      .where("symbol", "=", symbol)
      .execute()
}

type RegisteredToken = {
  readonly symbol: string
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
    .select(["symbol", "decimals", "settlement_mode", "treasury"])
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
  const { symbol, decimals, settlement_mode: known } = registered
  if (token.symbol !== symbol)
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `${where} has the address of ${symbol}; allowed: ${symbol}, which it was registered as`,
    )
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

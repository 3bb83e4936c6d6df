import { type Kysely, sql } from "kysely"
import { parseAmount } from "../../ledger/domain/amount.ts"
import type { SettlementMode } from "../../ledger/domain/batch-calls.ts"
import type { Initiator } from "../../ledger/domain/operator-action.ts"
import { editableKinds, lockEntry } from "../../ledger/registry/editable-kinds.ts"
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
import type { Configuration } from "../../platform/config/load-configuration.ts"
import { reasonDocumentSchema } from "../../platform/config/reason-registry-schema.ts"
import { resolveTokenStrategy } from "../../platform/config/token-strategy.ts"
import { tokenStrategySchema } from "../../platform/config/token-strategy-schema.ts"
import { tokenDocumentSchema } from "../../platform/config/tokens-schema.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { commandInitiator } from "../commands/command-initiator.ts"
import {
  describeRuntimeChange,
  type LeftEntry,
  type Merging,
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

export type Applied = {
  /** What was changed at run time and is otherwise in the files. */
  readonly changed: readonly RuntimeChange[]
  readonly left: readonly LeftEntry[]
}

type Applying = Merging & { readonly configuration: Configuration }

/**
 * Writes chains, tokens, reasons, when checkpoints and anchors are due and how long holds last to the registry, where the processes read them, in one transaction. What is in the
 * registry and no longer in the files stays: ledgers refer to it.
 * @throws ChainBridgeError CONFIG_INVALID, REGISTRY_CHANGED; then nothing is written
 */
export function applyConfiguration(
  db: Kysely<Database>,
  configuration: Configuration,
  facts: readonly ChainFacts[],
  { initiator, reason, whenChanged }: ApplyOptions = byCommand(),
): Promise<Applied> {
  return db.transaction().execute(async (trx) => {
    // Two who apply at once would both find that there is no such entry yet.
    await sql`SELECT pg_advisory_xact_lock(hashtext('chainbridge config apply'))`.execute(trx)
    const applying: Applying = { trx, configuration, whenChanged, changed: [], left: [] }
    const { changed, left } = applying
    await nameChange(trx, initiator, { reason })
    // A strategy may name a reason that is new.
    for (const [reasonType, entry] of Object.entries(configuration.reasons)) {
      const document = await mergeDocument(applying, {
        ...{ kind: "reason", entryId: reasonType, document: entry, schema: reasonDocumentSchema },
        check: (merged) => editableKinds.reason.check(trx, reasonType, merged),
        where: `reason_registry.yaml: ${reasonType}:`,
      })
      if (document !== null) await writeReason(trx, reasonType, document)
    }
    for (const fact of facts) await applyChain(applying, fact)
    await applyTokens(applying, facts)
    await applyPolicies(trx, configuration)
    if (whenChanged === "refuse" && changed.length > 0) refuseToOverwrite(changed)
    await sql`SELECT pg_notify(${registryChangedChannel}, '')`.execute(trx)
    return { changed, left }
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

async function applyChain(applying: Applying, fact: ChainFacts): Promise<void> {
  const { trx, configuration } = applying
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
  const entryId = chainId.toString()
  const document = await mergeDocument(applying, {
    ...{ kind: "chain", entryId, document: wanted, schema: chainDocumentSchema },
    check: (merged) => editableKinds.chain.check(trx, entryId, merged),
    where: `chains.yaml: ${name}:`,
  })
  const auditAnchor = await chooseAnchor(trx, fact, chain.audit_anchor)
  const known = await trx
    .selectFrom("registry.chains")
    .select("audit_anchor")
    .where("chain_id", "=", chainId)
    .executeTakeFirst()
  // The genesis hash and the wallets' factory are left out of the update: with another one it is another chain.
  if (document !== null && known === undefined)
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
  else if (document !== null) await writeChain(trx, chainId, document)
  if (auditAnchor !== (known?.audit_anchor ?? null))
    await trx
      .updateTable("registry.chains")
      .set({ audit_anchor: auditAnchor })
      .where("chain_id", "=", chainId)
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

async function applyTokens(applying: Applying, facts: readonly ChainFacts[]): Promise<void> {
  const groups = Object.values(applying.configuration.tokens)
  const tokens = facts.flatMap((fact) =>
    groups
      .filter((group) => group.chain_id === fact.chainId)
      .flatMap((group) => group.tokens.map((token) => ({ fact, token }))),
  )
  // Of a symbol's tokens one is the default: the one that is no longer it goes first.
  const inOrder = tokens.toSorted((a, b) => Number(a.token.is_default) - Number(b.token.is_default))
  for (const { fact, token } of inOrder) await applyToken(applying, fact, token)
}

async function applyToken(applying: Applying, fact: ChainFacts, token: ConfiguredToken): Promise<void> {
  const { trx, configuration } = applying
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
  const entryId = `${chainId}:${symbol}`
  await lockEntry(trx, "token", entryId)
  const registered = await findToken(trx, fact.chainId, address, symbol)
  if (registered !== undefined) refuseChange(fact.chainId, { ...token, address }, mode, registered)
  const treasury =
    mode === "treasury"
      ? chooseKnownTreasury(configuration, fact, symbol, registered?.treasury ?? null)
      : null
  const wanted = {
    name: token.name,
    features: token.features,
    is_default: token.is_default,
    drift_threshold: token.drift_threshold,
    reconciliation_interval_ms: configuration.sync.reconciliation.balance_check_interval,
  }
  const where = `tokens.yaml: ${symbol} on chain ${fact.chainId}:`
  const document = await mergeDocument(applying, {
    ...{ kind: "token", entryId, document: wanted, schema: tokenDocumentSchema, where },
    check: (merged) => editableKinds.token.check(trx, entryId, merged),
  })
  const resolved = resolveTokenStrategy(configuration.batchStrategy, fact.chainId, symbol)
  const strategy = await mergeDocument(applying, {
    ...{ kind: "strategy", entryId, document: resolved, schema: tokenStrategySchema, where },
    // The reasons that it names are checked with the files, and none of them is ever removed.
    check: () => Promise.resolve([]),
  })
  const key = { chainId, symbol }
  if (registered === undefined) {
    if (document === null || strategy === null) return
    const startBlock = BigInt(token.start_block ?? deployed?.startBlock ?? 0)
    const fixed = { ...key, address, decimals: token.decimals, mode, treasury, startBlock }
    await insertToken(trx, fixed, document, strategy)
    return
  }
  if (document !== null) await writeToken(trx, key, document)
  if (strategy !== null) await writeStrategy(trx, key, strategy)
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
  readonly token_address: string
  readonly decimals: number
  readonly settlement_mode: SettlementMode
  readonly treasury: string | null
}

function findToken(
  db: Kysely<Database>,
  chainId: number,
  address: string,
  symbol: string,
): Promise<RegisteredToken | undefined> {
  return db
    .selectFrom("registry.tokens")
    .select(["symbol", "token_address", "decimals", "settlement_mode", "treasury"])
    .where("chain_id", "=", BigInt(chainId))
    .where((is) => is.or([is("token_address", "=", address.toLowerCase()), is("symbol", "=", symbol)]))
    .orderBy((by) => by("symbol", "=", symbol), "desc")
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
  const { symbol, token_address: address, decimals, settlement_mode: known } = registered
  if (token.symbol !== symbol)
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `${where} has the address of ${symbol}; allowed: ${symbol}, which it was registered as`,
    )
  if (token.address.toLowerCase() !== address)
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `${where} has the address ${token.address}; allowed: ${address}, which it was registered with`,
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

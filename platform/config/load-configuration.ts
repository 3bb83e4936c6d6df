import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import type { z } from "zod"
import { ChainBridgeError, describeError } from "../errors.ts"
import { batchStrategySchema } from "./batch-strategy-schema.ts"
import { chainsSchema } from "./chains-schema.ts"
import { describeIssue } from "./describe-issue.ts"
import { findUnread } from "./find-unread.ts"
import { mergeDeep } from "./merge-deep.ts"
import { reasonRegistrySchema } from "./reason-registry-schema.ts"
import { syncSchema } from "./sync-schema.ts"
import { tokensSchema } from "./tokens-schema.ts"

export type Configuration = {
  readonly chains: z.infer<typeof chainsSchema>["chains"]
  readonly tokens: z.infer<typeof tokensSchema>["tokens"]
  readonly batchStrategy: z.infer<typeof batchStrategySchema>
  readonly reasons: z.infer<typeof reasonRegistrySchema>["reason_types"]
  readonly sync: z.infer<typeof syncSchema>
  /** What stands in the files and changes nothing, such as `sync_config.yaml: monitoring`. */
  readonly unread: readonly string[]
}

export type ConfigurationSource = {
  /** The directory of the YAML files. */
  readonly directory: string
  /** A directory below it whose files are laid over them, such as `development`. */
  readonly overlay?: string | undefined
}

/**
 * Reads and validates config/*.yaml. Every fault of every file is found at once and named by file, path, value and
 * what is allowed.
 * @throws ChainBridgeError CONFIG_INVALID
 */
export function loadConfiguration(source: ConfigurationSource): Configuration {
  const faults = findMissingOverlay(source)
  const chains = load(source, "chains.yaml", chainsSchema, faults)
  const tokens = load(source, "tokens.yaml", tokensSchema, faults)
  const batchStrategy = load(source, "batch_strategy.yaml", batchStrategySchema, faults)
  const reasons = load(source, "reason_registry.yaml", reasonRegistrySchema, faults)
  const sync = load(source, "sync_config.yaml", syncSchema, faults)
  if (!chains || !tokens || !batchStrategy || !reasons || !sync) {
    throw new ChainBridgeError("CONFIG_INVALID", faults.join("\n"))
  }
  const configuration = {
    chains: chains.chains,
    tokens: tokens.tokens,
    batchStrategy,
    reasons: reasons.reason_types,
    sync,
    unread: findUnread(sync, batchStrategy),
  }
  faults.push(...findContradictions(configuration))
  if (faults.length > 0) throw new ChainBridgeError("CONFIG_INVALID", faults.join("\n"))
  return configuration
}

/** A name that was misspelt would have other settings take effect than those that were meant. */
function findMissingOverlay({ directory, overlay }: ConfigurationSource): string[] {
  if (overlay === undefined || !existsSync(directory)) return []
  if (statSync(join(directory, overlay), { throwIfNoEntry: false })?.isDirectory()) return []
  const names = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  const allowed = names.length === 0 ? "none, it has no directories" : `${names.join(", ")}, or '' for none`
  return [`${directory} has no overlay ${JSON.stringify(overlay)}; allowed: ${allowed}`]
}

function load<Schema extends z.ZodType>(
  source: ConfigurationSource,
  name: string,
  schema: Schema,
  faults: string[],
): z.infer<Schema> | undefined {
  const path = join(source.directory, name)
  const overlay = source.overlay === undefined ? undefined : join(source.directory, source.overlay, name)
  try {
    const base = readYaml(path)
    if (base === null || base === undefined)
      throw new ChainBridgeError("CONFIG_INVALID", `${path}: the file is empty`)
    const isLaidOver = overlay !== undefined && existsSync(overlay)
    const value = isLaidOver ? mergeDeep(base, readYaml(overlay)) : base
    const result = schema.safeParse(value)
    if (result.success) return result.data
    const where = isLaidOver ? `${path} with ${overlay}` : path
    for (const issue of result.error.issues) faults.push(`${where}: ${describeIssue(issue, value)}`)
  } catch (error) {
    faults.push(describeError(error))
  }
  return undefined
}

function readYaml(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (cause) {
    throw new ChainBridgeError("CONFIG_INVALID", `${path} cannot be read`, { cause })
  }
  try {
    return parse(text) as unknown
  } catch (cause) {
    throw new ChainBridgeError("CONFIG_INVALID", `${path} is not YAML`, { cause })
  }
}

/** What no single file can know: names that another file has to define, and what must be there once only. */
function findContradictions(configuration: Configuration): string[] {
  const faults: string[] = []
  const chainIds = new Set(Object.values(configuration.chains).map((chain) => chain.chain_id))
  const defaults = new Set<string>()
  for (const [name, group] of Object.entries(configuration.tokens)) {
    if (!chainIds.has(group.chain_id)) {
      faults.push(
        `tokens.yaml: tokens.${name}.chain_id is ${group.chain_id}; allowed: a chain of chains.yaml`,
      )
    }
    for (const token of group.tokens) {
      if (!token.is_default) continue
      if (defaults.has(token.symbol))
        faults.push(`tokens.yaml: ${token.symbol} is the default on two chains; allowed: one`)
      defaults.add(token.symbol)
    }
  }
  const { anchor_chain_id: anchorChainId } = configuration.sync.audit
  if (anchorChainId !== null && !chainIds.has(anchorChainId)) {
    faults.push(
      `sync_config.yaml: audit.anchor_chain_id is ${anchorChainId}; allowed: a chain of chains.yaml`,
    )
  }
  for (const [symbol, trigger] of Object.entries(configuration.batchStrategy.batch_triggers)) {
    for (const reason of trigger.priority_reasons) {
      if (configuration.reasons[reason] !== undefined) continue
      faults.push(
        `batch_strategy.yaml: batch_triggers.${symbol}.priority_reasons has ${JSON.stringify(reason)}; allowed: a reason of reason_registry.yaml`,
      )
    }
  }
  return faults
}

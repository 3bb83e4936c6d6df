import { resolve } from "node:path"
import type { Kysely } from "kysely"
import type { Hex } from "viem"
import { createSigners } from "../../batcher/chain/create-signers.ts"
import type { Database } from "../../ledger/store/database.ts"
import { type Configuration, loadConfiguration } from "../../platform/config/load-configuration.ts"
import { resolveTokenStrategy } from "../../platform/config/token-strategy.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { rpcUrlsFromEnvironment } from "../../platform/rpc/rpc-urls.ts"
import { applyConfiguration, type ChainFacts } from "../registry/apply-configuration.ts"
import { describeLeftEntry, describeRuntimeChange } from "../registry/apply-documents.ts"
import type { TokenToCheck } from "../registry/check-token.ts"
import { checkTokens, tokensOf } from "../registry/check-tokens.ts"
import { readStackFile } from "../stack/stack-file.ts"
import { commandInitiator } from "./command-initiator.ts"
import { deployChain } from "./deploy-chain.ts"
import { withDatabase } from "./open-database.ts"

type Files = { readonly configDir: string; readonly overlay?: string }

function load({ configDir, overlay = "" }: Files) {
  const configuration = loadConfiguration({
    directory: resolve(configDir),
    overlay: overlay === "" ? undefined : overlay,
  })
  for (const key of configuration.unread) process.stderr.write(`${key} changes nothing: nothing reads it\n`)
  return configuration
}

/** What is applied to a stack of `start` unless files are named: others than its own would change how it settles, and nobody asked for that. */
function filesOf(options: Files & { readonly dataDir: string }, isConfigDirGiven: boolean): Files {
  if (process.env["DATABASE_URL"] || isConfigDirGiven || options.overlay !== undefined) return options
  const stack = readStackFile(resolve(options.dataDir))
  if (stack?.config_dir === undefined) return options
  return { configDir: stack.config_dir, overlay: stack.config_overlay ?? "" }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

/** `chainbridge config check` */
export async function checkCommand(files: Files): Promise<void> {
  const configuration = load(files)
  const signer = await findSigner()
  for (const { chain_id: chainId } of Object.values(configuration.chains)) {
    // What `start` deployed is not known here; it was checked when it was registered.
    const tokens = tokensOf(configuration, chainId, { tokens: {}, treasury: null })
    await checkTokensOf(null, chainId, signer, tokens)
  }
  const tokens = Object.values(configuration.tokens).flatMap((group) =>
    group.tokens.map((token) => {
      const strategy = resolveTokenStrategy(configuration.batchStrategy, group.chain_id, token.symbol)
      return `${token.symbol} on ${group.chain_id} (batches of ${strategy.optimal_batch_size}, at most ${strategy.max_wait_time_ms / 1_000} s)`
    }),
  )
  const counts = `${counted(Object.keys(configuration.chains).length, "chain")}, ${Object.keys(configuration.reasons).length} reasons`
  process.stdout.write(`valid: ${counts}, tokens ${tokens.join(", ")}\n`)
}

/**
 * `chainbridge config apply`: for the chains that the registry knows, and with --deploy also for new ones.
 * What was changed at run time is overwritten only when that is said.
 * @param isGiven whether these were named: nothing may be put into the default data directory, which is `start`'s
 */
export async function applyCommand(
  options: Files & {
    readonly dataDir: string
    readonly deploy: boolean
    readonly overwrite: boolean
    readonly keep: boolean
  },
  isGiven: { readonly dataDir: boolean; readonly configDir: boolean },
): Promise<void> {
  if (options.deploy && !isGiven.dataDir && process.env["DATABASE_URL"]) {
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      "--deploy with DATABASE_URL needs --data-dir: a directory of its own, where it remembers what it has deployed",
    )
  }
  if (options.overwrite && options.keep)
    throw new ChainBridgeError("CONFIG_INVALID", "name either --overwrite or --keep, not both")
  const whenChanged = options.overwrite ? "overwrite" : options.keep ? "keep" : "refuse"
  const files = filesOf(options, isGiven.configDir)
  const configuration = load(files)
  await withDatabase(options.dataDir, async (db) => {
    const facts = await readKnownChains(db, configuration)
    if (options.deploy) {
      const isKnown = (chainId: number) => facts.some((fact) => fact.chainId === chainId)
      for (const { chain_id: chainId } of Object.values(configuration.chains)) {
        if (!isKnown(chainId)) facts.push(await deployChain(configuration, chainId, options.dataDir))
      }
    }
    const signer = await findSigner()
    for (const { chainId, deployedTokens, treasury } of facts) {
      const tokens = tokensOf(configuration, chainId, { tokens: deployedTokens, treasury })
      await checkTokensOf(db, chainId, signer, tokens)
    }
    const { changed, left } = await applyConfiguration(db, configuration, facts, {
      initiator: commandInitiator(),
      reason: "config apply",
      whenChanged,
    })
    for (const change of changed)
      process.stdout.write(
        `${whenChanged === "overwrite" ? "overwritten" : "kept"}: ${describeRuntimeChange(change)}\n`,
      )
    for (const entry of left) process.stderr.write(`${describeLeftEntry(entry)}\n`)
    const from = [files.configDir, ...(files.overlay ? [`with ${files.overlay}`] : [])].join(" ")
    process.stdout.write(
      `applied to ${counted(facts.length, "chain")}, ${Object.keys(configuration.reasons).length} reasons: ${from}\n`,
    )
  })
}

/** Who settles, where this environment knows it. */
async function findSigner(): Promise<Hex | null> {
  const isGiven = ["SIGNER_KEYSTORE", "SIGNER_KMS_KEY_ID", "SIGNER_PRIVATE_KEY"].some(
    (name) => process.env[name],
  )
  // One of several: what a further one lacks is told when a batcher starts with it.
  if (!isGiven) return null
  // Nothing is signed here: only the address is asked for, which a key in the environment may be used for anywhere.
  const signers = await createSigners({ ...process.env, CHAINBRIDGE_ALLOW_ENV_SIGNER: "true" })
  return signers[0]?.address ?? null
}

/** Says on stderr what could not be checked: a chain, without endpoints here; roles, without a signer. */
async function checkTokensOf(
  db: Kysely<Database> | null,
  chainId: number,
  signer: Hex | null,
  tokens: readonly TokenToCheck[],
): Promise<void> {
  const warn = (message: string) => process.stderr.write(`${message}\n`)
  const rpcUrls = rpcUrlsFromEnvironment(BigInt(chainId), process.env)
  if (tokens.length === 0) return
  if (rpcUrls.length === 0)
    warn(`the tokens of chain ${chainId} are not checked: CHAINBRIDGE_RPC_URLS_${chainId} is not set`)
  else {
    if (signer === null) warn(`the signer's roles on chain ${chainId} are not checked: no SIGNER_… is set`)
    await checkTokens(db, { chainId, rpcUrls, signer }, tokens, warn)
  }
}

/** Of the chains that the files are about. Others may have been registered over the API, or the files had them once. */
async function readKnownChains(db: Kysely<Database>, configuration: Configuration): Promise<ChainFacts[]> {
  const configured = new Set(Object.values(configuration.chains).map((chain) => BigInt(chain.chain_id)))
  const known = await db.selectFrom("registry.chains").selectAll().orderBy("chain_id").execute()
  const chains = known.filter((chain) => configured.has(chain.chain_id))
  const tokens = await db.selectFrom("registry.tokens").selectAll().execute()
  return chains.map((chain) => {
    const own = tokens.filter((token) => token.chain_id === chain.chain_id)
    return {
      chainId: Number(chain.chain_id),
      genesisHash: chain.genesis_hash,
      walletManager: chain.wallet_manager,
      walletInitCodeHash: chain.wallet_init_code_hash,
      auditAnchor: chain.audit_anchor,
      treasury: own.find((token) => token.treasury !== null)?.treasury ?? null,
      deployedTokens: Object.fromEntries(
        own.map((token) => [
          token.symbol,
          { address: token.token_address, startBlock: Number(token.start_block) },
        ]),
      ),
    }
  })
}

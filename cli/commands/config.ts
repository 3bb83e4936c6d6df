import { resolve } from "node:path"
import type { Kysely } from "kysely"
import type { Database } from "../../ledger/store/database.ts"
import { loadConfiguration } from "../../platform/config/load-configuration.ts"
import { resolveTokenStrategy } from "../../platform/config/token-strategy.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { applyConfiguration, type ChainFacts } from "../registry/apply-configuration.ts"
import { deployChain } from "./deploy-chain.ts"
import { withDatabase } from "./open-database.ts"

type Files = { readonly configDir: string; readonly overlay: string }

function load(files: Files) {
  return loadConfiguration({
    directory: resolve(files.configDir),
    overlay: files.overlay === "" ? undefined : files.overlay,
  })
}

/** `chainbridge config check` */
export function checkCommand(files: Files): void {
  const configuration = load(files)
  const tokens = Object.values(configuration.tokens).flatMap((group) =>
    group.tokens.map((token) => {
      const strategy = resolveTokenStrategy(configuration.batchStrategy, group.chain_id, token.symbol)
      return `${token.symbol} on ${group.chain_id} (batches of ${strategy.optimal_batch_size}, at most ${strategy.max_wait_time_ms / 1_000} s)`
    }),
  )
  const counts = `${Object.keys(configuration.chains).length} chains, ${Object.keys(configuration.reasons).length} reasons`
  process.stdout.write(`valid: ${counts}, tokens ${tokens.join(", ")}\n`)
}

/**
 * `chainbridge config apply`: for the chains that the registry knows, and with --deploy also for new ones.
 * @param isDataDirGiven whether --data-dir was named: nothing may be put into the default one, which is `start`'s
 */
export async function applyCommand(
  options: Files & { readonly dataDir: string; readonly deploy: boolean },
  isDataDirGiven: boolean,
): Promise<void> {
  if (options.deploy && !isDataDirGiven && process.env["DATABASE_URL"]) {
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      "--deploy with DATABASE_URL needs --data-dir: a directory of its own, where it remembers what it has deployed",
    )
  }
  const configuration = load(options)
  await withDatabase(options.dataDir, async (db) => {
    const facts = await readKnownChains(db)
    if (options.deploy) {
      const isKnown = (chainId: number) => facts.some((fact) => fact.chainId === chainId)
      for (const { chain_id: chainId } of Object.values(configuration.chains)) {
        if (!isKnown(chainId)) facts.push(await deployChain(configuration, chainId, options.dataDir))
      }
    }
    await applyConfiguration(db, configuration, facts)
    process.stdout.write(
      `applied to ${facts.length} ${facts.length === 1 ? "chain" : "chains"}, ${Object.keys(configuration.reasons).length} reasons\n`,
    )
  })
}

async function readKnownChains(db: Kysely<Database>): Promise<ChainFacts[]> {
  const chains = await db.selectFrom("registry.chains").selectAll().orderBy("chain_id").execute()
  const tokens = await db.selectFrom("registry.tokens").selectAll().execute()
  return chains.map((chain) => {
    const own = tokens.filter((token) => token.chain_id === chain.chain_id)
    return {
      chainId: Number(chain.chain_id),
      genesisHash: chain.genesis_hash,
      walletManager: chain.wallet_manager,
      walletInitCodeHash: chain.wallet_init_code_hash,
      auditAnchor: chain.audit_anchor,
      deployedTokens: Object.fromEntries(
        own.map((token) => [
          token.symbol,
          { address: token.token_address, startBlock: Number(token.start_block) },
        ]),
      ),
    }
  })
}

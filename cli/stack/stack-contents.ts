import { join } from "node:path"
import type { Kysely } from "kysely"
import { scopes } from "../../api/scopes.ts"
import type { App } from "../../ledger/store/create-app.ts"
import type { Database } from "../../ledger/store/database.ts"
import type { Configuration } from "../../platform/config/load-configuration.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { commandInitiator } from "../commands/command-initiator.ts"
import { type Applied, applyConfiguration } from "../registry/apply-configuration.ts"
import { tokensOf } from "../registry/check-tokens.ts"
import { chooseMode } from "../registry/choose-mode.ts"
import { ensureApiKey, ensureApp } from "../registry/ensure-app.ts"
import { type Deployment, deployContracts } from "./deploy-contracts.ts"
import { callRpc } from "./json-rpc.ts"
import { fundAccounts } from "./stack-accounts.ts"
import type { StackChain } from "./stack-chain.ts"

export type ChainContents = {
  readonly chainId: number
  readonly genesisHash: string
  readonly deployment: Deployment
}

/** Puts our contracts on the chain, where they are not there yet. */
export async function fillChain(options: {
  readonly dataDirectory: string
  readonly configuration: Configuration
  readonly chain: Pick<StackChain, "rpcUrl" | "chainId" | "accounts" | "isLocal">
  readonly genesisHash: string
}): Promise<ChainContents> {
  const { chain, genesisHash } = options
  const { deployer, operator, masterSigner } = chain.accounts
  if (chain.isLocal) await fundAccounts(chain.rpcUrl, [deployer.address, operator])
  const deployment = await deployContracts({
    rpcUrl: chain.rpcUrl,
    genesisHash,
    deployer,
    operator,
    masterSigner,
    tokens: Object.values(options.configuration.tokens)
      .filter((group) => group.chain_id === chain.chainId)
      .flatMap((group) => group.tokens)
      .filter((token) => token.address === "deployed")
      .map((token) => ({ ...token, mode: chooseMode(chain.chainId, token) })),
    deploysAuditAnchor: Object.values(options.configuration.chains).some(
      ({ chain_id, audit_anchor }) => chain_id === chain.chainId && audit_anchor === "deployed",
    ),
    deploysTreasury: needsTreasury(options.configuration, chain.chainId),
    file: join(options.dataDirectory, "deployment.json"),
    mine: async () => {
      if (chain.isLocal) await callRpc(chain.rpcUrl, "evm_mine")
    },
  })
  return { chainId: chain.chainId, genesisHash, deployment }
}

/** Whether a token of the chain is paid out of a treasury, and the chain's is to be ours. */
function needsTreasury(configuration: Configuration, chainId: number): boolean {
  const chain = Object.values(configuration.chains).find((entry) => entry.chain_id === chainId)
  return (
    chain?.treasury === "deployed" &&
    Object.values(configuration.tokens)
      .filter((group) => group.chain_id === chainId)
      .some((group) => group.tokens.some((token) => chooseMode(chainId, token) === "treasury"))
  )
}

/** Writes the configuration to the registry. What was changed at run time stays so. @throws ChainBridgeError CONFIG_INVALID; then nothing is written */
export function writeConfiguration(
  db: Kysely<Database>,
  configuration: Configuration,
  contents: ChainContents,
): Promise<Applied> {
  const facts = [
    {
      chainId: contents.chainId,
      genesisHash: contents.genesisHash,
      walletManager: contents.deployment.walletManager,
      walletInitCodeHash: contents.deployment.walletInitCodeHash,
      auditAnchor: contents.deployment.auditAnchor,
      treasury: contents.deployment.treasury,
      deployedTokens: contents.deployment.tokens,
    },
  ]
  return applyConfiguration(db, configuration, facts, {
    initiator: commandInitiator(),
    reason: "the configuration files were applied by start",
    // What somebody changed in the running system outlives its restarts.
    whenChanged: "keep",
  })
}

/**
 * Writes a configuration that has changed under the running stack. A token that is new there waits for the next start, which holds it against its contract and has the indexer read it: until then
 * the endpoints would have logs that the indexer has not, and nothing of the whole chain could be confirmed.
 * @throws ChainBridgeError CONFIG_INVALID; then nothing is written
 */
export async function rewriteConfiguration(
  db: Kysely<Database>,
  configuration: Configuration,
  contents: ChainContents,
): Promise<Applied> {
  const { chainId, deployment } = contents
  const rows = await db
    .selectFrom("registry.tokens")
    .select("token_address")
    .where("chain_id", "=", BigInt(chainId))
    .execute()
  const known = new Set(rows.map((row) => row.token_address))
  const added = tokensOf(configuration, chainId, deployment).filter(({ address }) => !known.has(address))
  if (added.length > 0) {
    const symbols = added.map(({ symbol }) => symbol).join(", ")
    throw new ChainBridgeError(
      "CONFIG_INVALID",
      `tokens.yaml: new on chain ${chainId}: ${symbols}; start again to have new tokens checked and indexed`,
    )
  }
  return writeConfiguration(db, configuration, contents)
}

/** Writes the configuration and the demo app with its key to the registry. */
export async function fillRegistry(options: {
  readonly db: Kysely<Database>
  readonly configuration: Configuration
  readonly contents: ChainContents
  readonly apiKey: string
}): Promise<App & { readonly isNew: boolean; readonly applied: Applied }> {
  const { db, contents } = options
  const applied = await writeConfiguration(db, options.configuration, contents)
  const app = await ensureApp(db, "demo")
  // Who runs the stack may do everything in it.
  await ensureApiKey(db, app, options.apiKey, scopes, true)
  return { ...app, applied }
}

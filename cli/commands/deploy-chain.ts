import { mkdirSync } from "node:fs"
import { resolve } from "node:path"
import type { Configuration } from "../../platform/config/load-configuration.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { rpcUrlsFromEnvironment } from "../../platform/rpc/rpc-urls.ts"
import type { ChainFacts } from "../registry/apply-configuration.ts"
import { callRpc } from "../stack/json-rpc.ts"
import { externalAccounts } from "../stack/stack-accounts.ts"
import { fillChain } from "../stack/stack-contents.ts"

/**
 * Puts our contracts on a chain that is configured and that the registry does not know yet, paid by SIGNER_PRIVATE_KEY.
 * What was sent is remembered in the directory: a second run finds the contracts of one that was cut short.
 * @throws ChainBridgeError CONFIG_INVALID when the endpoint is missing or belongs to another chain
 */
export async function deployChain(
  configuration: Configuration,
  chainId: number,
  dataDirectory: string,
): Promise<ChainFacts> {
  const [rpcUrl] = rpcUrlsFromEnvironment(BigInt(chainId), process.env)
  if (rpcUrl === undefined) {
    throw new ChainBridgeError("CONFIG_INVALID", `chain ${chainId} needs CHAINBRIDGE_RPC_URLS_${chainId}`)
  }
  const found = Number(await callRpc<string>(rpcUrl, "eth_chainId"))
  if (found !== chainId) {
    throw new ChainBridgeError("CONFIG_INVALID", `CHAINBRIDGE_RPC_URLS_${chainId} leads to chain ${found}`)
  }
  const accounts = externalAccounts(process.env["SIGNER_PRIVATE_KEY"])
  const genesis = await callRpc<{ hash: string }>(rpcUrl, "eth_getBlockByNumber", ["0x0", false])
  const directory = resolve(dataDirectory, "deployments", String(chainId))
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { deployment } = await fillChain({
    dataDirectory: directory,
    configuration,
    chain: { rpcUrl, chainId, accounts, isLocal: false },
    genesisHash: genesis.hash,
  })
  return {
    chainId,
    genesisHash: genesis.hash,
    walletManager: deployment.walletManager,
    walletInitCodeHash: deployment.walletInitCodeHash,
    auditAnchor: deployment.auditAnchor,
    treasury: deployment.treasury,
    deployedTokens: deployment.tokens,
  }
}

import type { Abi, Address } from "viem"
import { walletManagerBytecode } from "../../abis/bytecode/wallet-manager.ts"
import { walletManagerAbi } from "../../abis/wallet-manager.ts"
import { type Anvil, startAnvil } from "./anvil.ts"
import { type DeployedToken, deployToken } from "./deploy-token.ts"
import { createDeployer } from "./deployer.ts"

export type ChainsToRegister = {
  /** On chain 31337, which the seeded registry has. */
  readonly token: DeployedToken
  /** On chain 7, which it does not have. */
  readonly walletManager: Address
  readonly anvils: readonly Anvil[]
  /** Where both are reached. */
  readonly environment: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** Two local chains with our contracts on them, for what is registered over the API. */
export async function startChainsToRegister(): Promise<ChainsToRegister> {
  const known = await startAnvil({ args: [] })
  const other = await startAnvil({ args: ["--chain-id", "7"] })
  const { admin, deploy } = await createDeployer(other.rpcUrl)
  return {
    token: await deployToken(known.rpcUrl),
    walletManager: await deploy(walletManagerAbi as Abi, walletManagerBytecode, [admin, admin]),
    anvils: [known, other],
    environment: { CHAINBRIDGE_RPC_URLS_31337: known.rpcUrl, CHAINBRIDGE_RPC_URLS_7: other.rpcUrl },
    async stop() {
      await Promise.all([known.stop(), other.stop()])
    },
  }
}

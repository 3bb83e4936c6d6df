import { erc20Abi } from "viem"
import { startApiServer } from "../../api/api-server.ts"
import type { ChainReader } from "../../api/context.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { ChainBridgeError } from "../../platform/errors.ts"
import { runRole } from "../../platform/lifecycle.ts"
import type { ChainClient } from "../../platform/rpc/chain-client.ts"
import { parsePort } from "../parse-port.ts"
import { createRegistryChecks } from "../registry/registry-checks.ts"
import { openChainClient, openChainClients } from "./chain-clients.ts"
import { openRole } from "./open-role.ts"
import { readCorsOrigins } from "./read-cors-origins.ts"
import { readIdentity } from "./read-identity.ts"
import { readWebhookKeys } from "./read-webhook-keys.ts"

/** The HTTP API with the ledger's writer. */
export async function runApi(): Promise<void> {
  const port = parsePort("PORT", process.env["PORT"] || "3000")
  const identity = readIdentity()
  const secretKeys = readWebhookKeys()
  const corsOrigins = readCorsOrigins()
  const role = openRole("api", 20)
  const writerPool = createWriterPool({
    databaseUrl: role.databaseUrl,
    applicationName: "chainbridge-api-writer",
  })
  await runRole(async () => {
    await role.reachDatabase()
    const server = await startApiServer({
      db: role.db,
      writerPool,
      databaseUrl: role.databaseUrl,
      logger: role.logger,
      // An empty one would be every address of the machine.
      host: process.env["HOST"] || "127.0.0.1",
      port,
      version: role.version,
      identity,
      webhooks: { secretKeys },
      corsOrigins,
      ...(process.env["REDIS_URL"] ? { redisUrl: process.env["REDIS_URL"] } : {}),
      rpc: createChainReader(await openChainClients(role.db)),
      checks: createRegistryChecks(role.db, process.env),
    })
    role.beat()
    return {
      details: { port: server.port, url: server.url },
      async stop() {
        await server.stop()
        await writerPool.end()
        await role.close()
      },
    }
  }, role.logger)
}

/** A chain's client is made when it is first asked for: one that is registered later needs no restart. */
function createChainReader(clients: Map<bigint, ChainClient>): ChainReader {
  const clientOf = (chainId: bigint) => {
    const client = clients.get(chainId) ?? openChainClient(chainId)
    if (client === undefined)
      throw new ChainBridgeError("CHAIN_UNAVAILABLE", `no RPC endpoint of chain ${chainId} is configured`)
    clients.set(chainId, client)
    return client
  }
  return {
    async balanceOf(chainId, token, account) {
      const { reads } = clientOf(chainId)
      const blockNumber = await reads.getBlockNumber({ cacheTime: 0 })
      const amountBaseUnits = await reads.readContract({
        address: token,
        abi: erc20Abi,
        functionName: "balanceOf",
        args: [account],
        blockNumber,
      })
      return { amountBaseUnits, blockNumber }
    },
    async isDeployed(chainId, address) {
      return (await clientOf(chainId).reads.getCode({ address })) !== undefined
    },
    headBlock: (chainId) => clientOf(chainId).reads.getBlockNumber({ cacheTime: 0 }),
  }
}

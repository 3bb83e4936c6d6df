import { randomBytes } from "node:crypto"
import { createTestClient, http } from "viem"
import type { Database } from "../../ledger/store/database.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { type Anvil, startAnvil } from "../support/anvil.ts"
import { type ApiProcess, startApiProcess, startRoleProcess } from "../support/api-process.ts"
import { type ContractWorld, seedContractWorld } from "../support/contract-world.ts"
import { createDatabase } from "../support/create-database.ts"
import { deployToken } from "../support/deploy-token.ts"
import { startIdentityProvider } from "../support/identity-provider.ts"
import { startOwnPostgres } from "../support/own-postgres.ts"
import { type SeededRegistry, seedRegistry } from "../support/seed-registry.ts"

export type FuzzSystem = {
  readonly api: ApiProcess
  readonly world: ContractWorld
  readonly registry: SeededRegistry
  close(): Promise<void>
}

/** API and worker in processes of their own, as they ship, with a PostgreSQL, two chains and an identity provider, and one of everything to ask for. */
export async function startFuzzSystem(): Promise<FuzzSystem> {
  const closers: (() => unknown)[] = []
  const close = async (): Promise<void> => {
    for (const step of closers.reverse()) await step()
  }
  try {
    const postgres = await startOwnPostgres()
    closers.push(() => postgres.close())
    const database = await createDatabase(postgres.adminUrl)
    const pool = createPool({ databaseUrl: database.appUrl, applicationName: "fuzz", connectionsMax: 4 })
    const db = createKysely<Database>(pool)
    closers.push(() => db.destroy())
    const registry = await seedRegistry(db)
    const chains = new Map<bigint, Anvil>()
    for (const chainId of [31_337n, 31_338n]) {
      const anvil = await startAnvil({ args: ["--chain-id", String(chainId)] })
      closers.push(() => anvil.stop())
      chains.set(chainId, anvil)
      await placeTokens(anvil, chainId, registry)
    }
    const redirectUri = "http://127.0.0.1:1/api/v1/auth/oidc/callback"
    const provider = await startIdentityProvider([redirectUri])
    closers.push(() => provider.stop())
    const oidc = provider.optionsFor(redirectUri)
    const environment = {
      // Whom requests come from is told by a header, so that sign-ins are not throttled as one.
      TRUSTED_PROXIES: "127.0.0.1",
      AUTH_TOKEN_SECRET: randomBytes(32).toString("hex"),
      OIDC_ISSUER: oidc.issuer,
      OIDC_CLIENT_ID: oidc.clientId,
      ...(oidc.clientSecret === null ? {} : { OIDC_CLIENT_SECRET: oidc.clientSecret }),
      OIDC_REDIRECT_URI: redirectUri,
      ...Object.fromEntries(
        [...chains].map(([chainId, { rpcUrl }]) => [`CHAINBRIDGE_RPC_URLS_${chainId}`, rpcUrl]),
      ),
    }
    const stopLater = (child: ApiProcess): void => {
      closers.push(() => {
        child.kill("SIGTERM")
        return child.ended
      })
    }
    stopLater(
      await startRoleProcess("worker", database.appUrl, {
        ...environment,
        AUDIT_SIGNING_KEY: randomBytes(32).toString("hex"),
      }),
    )
    // The worker has no such key: whatever addresses are made up, nothing is sent there.
    const api = await startApiProcess(database.appUrl, {
      ...environment,
      WEBHOOK_SECRET_KEY: randomBytes(32).toString("hex"),
    })
    stopLater(api)
    const world = await seedContractWorld({ ...registry, db, server: { url: api.url } })
    return { api, world, registry, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The registry's addresses are made up: the code of a real token is put there, so that the chain can be asked for balances. */
async function placeTokens(anvil: Anvil, chainId: bigint, { tokens }: SeededRegistry): Promise<void> {
  const { address } = await deployToken(anvil.rpcUrl)
  const client = createTestClient({ mode: "anvil", transport: http(anvil.rpcUrl) })
  const bytecode = await client.request<{ Parameters: unknown; ReturnType: `0x${string}` }>({
    method: "eth_getCode",
    params: [address, "latest"],
  })
  for (const token of Object.values(tokens))
    if (token.chainId === chainId) await client.setCode({ address: token.address as `0x${string}`, bytecode })
}

import { randomBytes } from "node:crypto"
import { chmodSync, mkdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { english, generateMnemonic } from "viem/accounts"
import { createApiKey } from "../../../api/identity/api-key.ts"
import { ensureApiKey, ensureApp } from "../../../cli/registry/ensure-app.ts"
import { buildIndexerSources } from "../../../cli/registry/indexer-sources.ts"
import { findFreePort } from "../../../cli/stack/free-port.ts"
import { localAccounts } from "../../../cli/stack/stack-accounts.ts"
import { LOCAL_CHAIN_ID } from "../../../cli/stack/stack-chain.ts"
import { fillChain, writeConfiguration } from "../../../cli/stack/stack-contents.ts"
import type { Database } from "../../../ledger/store/database.ts"
import { loadConfiguration } from "../../../platform/config/load-configuration.ts"
import { createKysely, createPool } from "../../../platform/postgres.ts"
import { startAnvil } from "../../support/anvil.ts"
import { callJsonRpc } from "../../support/call-json-rpc.ts"
import { createDatabase } from "../../support/create-database.ts"
import { type OwnPostgres, startOwnPostgres } from "../../support/own-postgres.ts"
import { type RpcFaultProxy, startRpcFaultProxy } from "../../support/rpc-fault-proxy.ts"
import { type RoleProcess, startRoleProcess } from "./role-process.ts"
import { writeSettings } from "./write-settings.ts"

/** A ledger of its own, with a key that may do everything. */
export type ChaosLedger = { readonly ledgerId: string; readonly apiKey: string }

/** Everything of the product as processes of its own, behind a node that can be made to misbehave. */
export type ChaosStack = {
  readonly directory: string
  readonly databaseUrl: string
  readonly apiUrls: readonly string[]
  /** Straight to the chain, past the proxy. */
  readonly rpcUrl: string
  readonly token: `0x${string}`
  /** The token's admin. */
  readonly admin: `0x${string}`
  readonly signer: `0x${string}`
  readonly postgres: OwnPostgres
  readonly proxy: RpcFaultProxy
  readonly roles: {
    readonly api: readonly RoleProcess[]
    readonly batcher: readonly RoleProcess[]
    readonly worker: RoleProcess
    readonly indexer: RoleProcess
  }
  /** Where a batcher is told at which step to end. */
  readonly faultPointFile: (batcher: number) => string
  openLedger(name: string): Promise<ChaosLedger>
  close(): Promise<void>
}

const root = join(import.meta.dirname, "..", "..", "..")
const main = join(root, "cli", "main.ts")
const batcherProgram = join(root, "test", "support", "dying-batcher.ts")

/** What a process that was killed holds is free after seconds; all else is as shipped. */
export const batcherLimits = {
  leaseMs: 3_500,
  leasePollMs: 300,
  rebroadcastMs: 3_000,
  fallbackPollMs: 1_000,
}
/** Kept from one campaign to the next: a role that starts again need not be compiled again. */
const compiled = join(tmpdir(), "chainbridge-chaos-compiled")

/** Paths of the proxy: the two nodes of our processes, and the one of the indexer. */
export const nodes = ["/one", "/two"] as const
const indexerNode = "/indexer"

/** @param note told of processes that ended */
export async function openStack(directory: string, note: (text: string) => void): Promise<ChaosStack> {
  const logs = join(directory, "logs")
  mkdirSync(logs, { recursive: true })
  chmodSync(directory, 0o700)
  const closing: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const each of closing.splice(0).reverse()) await each()
  }
  try {
    const [postgres, anvil] = await Promise.all([
      startOwnPostgres(),
      startAnvil({ args: ["--block-time", "1", "--accounts", "0", "--prune-history", "256"] }),
    ])
    closing.push(postgres.close, anvil.stop)
    const proxy = await startRpcFaultProxy(anvil.rpcUrl)
    closing.push(proxy.close)
    const database = await createDatabase(postgres.adminUrl)
    const accounts = localAccounts(generateMnemonic(english))
    const settings = writeSettings(directory)
    const configuration = loadConfiguration(settings)
    const genesis = (await callJsonRpc(anvil.rpcUrl, "eth_getBlockByNumber", ["0x0", false])) as {
      hash: string
    }
    const contents = await fillChain({
      dataDirectory: directory,
      configuration,
      chain: { rpcUrl: anvil.rpcUrl, chainId: LOCAL_CHAIN_ID, accounts, isLocal: true },
      genesisHash: genesis.hash,
    })
    const indexerSources = await withDatabase(async (db, pool) => {
      await writeConfiguration(db, configuration, contents)
      return buildIndexerSources(pool, configuration, () => [`${proxy.url}${indexerNode}`])
    })

    const [indexerPort, ...apiPorts] = [await findFreePort(), await findFreePort(), await findFreePort()]
    const start = (
      name: string,
      command: readonly string[],
      environment: Readonly<Record<string, string>>,
    ) => {
      const role = startRoleProcess({
        name,
        command,
        environment: {
          DATABASE_URL: database.appUrl,
          [`CHAINBRIDGE_RPC_URLS_${LOCAL_CHAIN_ID}`]: nodes.map((path) => `${proxy.url}${path}`).join(","),
          CHAINBRIDGE_CONFIG_DIR: settings.directory,
          CHAINBRIDGE_CONFIG_OVERLAY: settings.overlay,
          NODE_COMPILE_CACHE: compiled,
          ...environment,
        },
        logFile: join(logs, `${name}.log`),
        note,
      })
      closing.push(role.stop)
      return role
    }
    const faultPointFile = (batcher: number) => join(directory, `fault-point-${batcher}`)
    const roles = {
      indexer: start("indexer", [main, "indexer"], {
        DATABASE_URL: database.indexerUrl,
        INDEXER_SOURCES: indexerSources,
        INDEXER_PORT: String(indexerPort),
      }),
      worker: start("worker", [main, "worker"], { AUDIT_SIGNING_KEY: randomBytes(32).toString("hex") }),
      batcher: [0, 1].map((index) =>
        start(`batcher-${index + 1}`, [batcherProgram], {
          SIGNER_PRIVATE_KEY: accounts.operatorKey,
          TEST_DIE_AT: faultPointFile(index),
          TEST_BATCHER_LIMITS: JSON.stringify(batcherLimits),
        }),
      ),
      api: apiPorts.map((port, index) =>
        start(`api-${index + 1}`, [main, "api"], { HOST: "127.0.0.1", PORT: String(port) }),
      ),
    }
    // They end together, and not one after the other.
    closing.splice(-6, 6, () => Promise.all(everyRole(roles).map((role) => role.stop())))
    await Promise.all(everyRole(roles).map((role) => role.ready()))
    const token = contents.deployment.tokens["CPOP"]
    if (token === undefined) throw new Error("no token was deployed")
    return {
      directory,
      databaseUrl: database.ownerUrl,
      apiUrls: apiPorts.map((port) => `http://127.0.0.1:${port}`),
      rpcUrl: anvil.rpcUrl,
      token: token.address.toLowerCase() as `0x${string}`,
      admin: accounts.deployer.address,
      signer: accounts.operator,
      postgres,
      proxy,
      roles,
      faultPointFile,
      openLedger: (name) =>
        withDatabase(async (db) => {
          const app = await ensureApp(db, name)
          const apiKey = createApiKey()
          await ensureApiKey(db, app, apiKey)
          return { ledgerId: app.ledgerId, apiKey }
        }),
      close,
    }

    async function withDatabase<Result>(
      work: (
        db: ReturnType<typeof createKysely<Database>>,
        pool: ReturnType<typeof createPool>,
      ) => Promise<Result>,
    ): Promise<Result> {
      const pool = createPool({ databaseUrl: database.appUrl, applicationName: "chaos", connectionsMax: 2 })
      try {
        return await work(createKysely<Database>(pool), pool)
      } finally {
        await pool.end()
      }
    }
  } catch (error) {
    await close()
    throw error
  }
}

export function everyRole({ indexer, worker, batcher, api }: ChaosStack["roles"]): RoleProcess[] {
  return [indexer, worker, ...batcher, ...api]
}

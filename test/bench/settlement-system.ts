import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { createWriteStream } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { Kysely } from "kysely"
import { createPublicClient, type Hex, http, type PublicClient } from "viem"
import type { BatcherLimits } from "../../batcher/batcher-context.ts"
import { ensureLoginUsers } from "../../cli/stack/login-users.ts"
import { migrate } from "../../ledger/migrations/migrate.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createLedgerWriter } from "../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { addSigner } from "../support/add-signer.ts"
import { startAnvil } from "../support/anvil.ts"
import type { BatcherProcessOptions } from "../support/batcher-process.ts"
import { callJsonRpc } from "../support/call-json-rpc.ts"
import { confirmFromLogs } from "../support/confirm-batch.ts"
import { type DeployedToken, deployToken } from "../support/deploy-token.ts"
import { inherited } from "../support/inherited.ts"
import { insertToken } from "../support/insert-token.ts"
import { adjustCommand, insertLedger } from "../support/test-ledger.ts"
import { type BenchCluster, startBenchCluster } from "./bench-cluster.ts"

export const chainId = 31_337n
export const blockGasLimit = 30_000_000
/** EIP-7825 is part of it. */
const hardfork = "osaka"
const changesPerOperation = 500

export type Drainer = { readonly child: ChildProcess; stop(): Promise<void> }

export type SettlementSystem = {
  readonly cluster: BenchCluster
  readonly db: Kysely<Database>
  readonly chain: PublicClient
  readonly ledgerId: string
  readonly tokenId: number
  readonly token: DeployedToken
  readonly rpcUrl: string
  /** Of anvil and of PostgreSQL. */
  readonly pids: { readonly chain: number; readonly database: number }
  /** May all settle. */
  readonly signerKeys: readonly Hex[]
  /** Records these changes, `[user, base units]`, many to an operation. */
  record(changes: readonly (readonly [userId: string, amountBaseUnits: bigint])[]): Promise<void>
  /** Starts a batcher in a process of its own. */
  drainWith(signers: number, limits?: Partial<BatcherLimits>): Drainer
  /** Has what is mined confirmed from the chain's logs. */
  confirm(): Promise<void>
  close(): Promise<void>
}

/** A ledger on a PostgreSQL as it ships, and a chain that makes a block of 30 million gas each second. */
export async function startSettlementSystem(options: {
  readonly strategy: object
  readonly signersMax: number
}): Promise<SettlementSystem> {
  const cluster = await startBenchCluster()
  const anvil = await startAnvil({
    args: [
      ...["--hardfork", hardfork, "--enable-tx-gas-limit"],
      ...["--block-time", "1", "--gas-limit", String(blockGasLimit)],
    ],
  })
  const ownerUrl = await cluster.createEmptyDatabase("settlement")
  await migrate(ownerUrl)
  const { appUrl } = await ensureLoginUsers({
    ownerUrl,
    appUser: "bench_app",
    appPassword: "bench",
    indexerUser: "bench_indexer",
    indexerPassword: "bench",
  })
  const token = await deployToken(anvil.rpcUrl)
  const signerKeys = [token.operatorKey]
  while (signerKeys.length < options.signersMax) signerKeys.push((await addSigner(anvil.rpcUrl, token)).key)
  // The contracts were paid for with tips that nobody gives: they are no part of the market that is measured.
  await callJsonRpc(anvil.rpcUrl, "anvil_mine", ["0x20"])
  const db = createKysely<Database>(
    createPool({ databaseUrl: appUrl, applicationName: "bench", connectionsMax: 6 }),
  )
  const ledgerId = await insertLedger(db)
  const tokenId = await insertToken(db, { address: token.address, strategy: options.strategy })
  const writerPool = createWriterPool({ databaseUrl: appUrl, applicationName: "bench-writer" })
  const writer = createLedgerWriter({
    db,
    writerPool,
    ledgerId,
    tokens: createTokenDirectory(db, ledgerId),
    logger: createLogger("bench", "silent"),
  })
  const chain = createPublicClient({ transport: http(anvil.rpcUrl), cacheTime: 0 })
  const log = createWriteStream(join(cluster.directory, "batcher.log"))
  const children = new Set<Drainer>()
  return {
    cluster,
    db,
    chain,
    ledgerId,
    tokenId,
    token,
    rpcUrl: anvil.rpcUrl,
    pids: { chain: anvil.pid, database: cluster.pid },
    signerKeys,
    async record(changes) {
      for (let first = 0; first < changes.length; first += changesPerOperation) {
        const command = adjustCommand(
          tokenId,
          randomUUID(),
          changes.slice(first, first + changesPerOperation),
        )
        const { outcome } = await writer.execute(command)
        if (outcome !== "recorded") throw new Error(`not recorded: ${outcome}`)
      }
    },
    drainWith(signers, limits = {}) {
      const settings: BatcherProcessOptions = {
        databaseUrl: appUrl,
        chainId: chainId.toString(),
        rpcUrls: [anvil.rpcUrl],
        privateRelayUrl: null,
        signerKeys: signerKeys.slice(0, signers),
        processId: randomUUID(),
        dieAt: null,
        dieAtTime: 1,
        freezeAt: null,
        limits,
        requestTimeoutMs: 5_000,
      }
      const program = fileURLToPath(new URL("../support/batcher-process.ts", import.meta.url))
      const child = spawn(process.execPath, [...profiling(), program], {
        stdio: ["ignore", "ignore", "pipe", "ipc"],
        env: { ...inherited, TEST_BATCHER: JSON.stringify(settings) },
      })
      child.stderr?.pipe(log, { end: false })
      const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
      const drainer: Drainer = {
        child,
        async stop() {
          children.delete(drainer)
          child.kill("SIGTERM")
          await ended
        },
      }
      children.add(drainer)
      return drainer
    },
    confirm: () => confirmFromLogs({ db, chain, ledgerId, chainId, token: token.address }),
    async close() {
      for (const drainer of children) await drainer.stop()
      await writer.stop()
      await writerPool.end()
      await db.destroy()
      await anvil.stop()
      await cluster.close()
    },
  }
}

/** A directory in BENCH_PROFILE gets a CPU profile of each batcher. */
function profiling(): string[] {
  const directory = process.env["BENCH_PROFILE"]
  return directory === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${directory}`]
}

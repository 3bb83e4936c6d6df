import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { fileURLToPath } from "node:url"
import type { UpdateObject } from "kysely"
import { type Address, createPublicClient, type Hex, http, parseEventLogs } from "viem"
import { cpopTokenAbi } from "../../abis/cpop-token.ts"
import type { BatcherContext, BatcherStep } from "../../batcher/batcher-context.ts"
import { createEnvironmentSigner } from "../../batcher/chain/environment-signer.ts"
import { type RunningBatcher, runBatcher } from "../../batcher/run-batcher.ts"
import { makeCheckpoint } from "../../ledger/audit/make-checkpoint.ts"
import type { Adjustment } from "../../ledger/domain/adjust-balance.ts"
import { auditKeyOf } from "../../ledger/domain/audit-key.ts"
import type { SettlementMode } from "../../ledger/domain/batch-calls.ts"
import type { AnchorState } from "../../ledger/store/anchor-tables.ts"
import type { BatchState, Database } from "../../ledger/store/database.ts"
import { resumeLanes } from "../../ledger/store/pause-lanes.ts"
import { createLedgerWriter } from "../../ledger/writer/ledger-writer.ts"
import { createTokenDirectory } from "../../ledger/writer/token-directory.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { createChainClient } from "../../platform/rpc/chain-client.ts"
import { startAnvil } from "./anvil.ts"
import type { BatcherProcessOptions } from "./batcher-process.ts"
import { callJsonRpc } from "./call-json-rpc.ts"
import { confirmFromLogs, revokeNewest } from "./confirm-batch.ts"
import { confirmFindings } from "./confirm-findings.ts"
import { type DeployedAnchor, deployAnchor } from "./deploy-anchor.ts"
import { type DeployedToken, deployToken } from "./deploy-token.ts"
import { inherited } from "./inherited.ts"
import { insertToken } from "./insert-token.ts"
import { createTestDatabase } from "./postgres.ts"
import { adjustCommand, insertLedger } from "./test-ledger.ts"
import { waitUntil } from "./wait-until.ts"

const chainId = 31_337n

/** What a test changes of the strategy; the rest lets a batch go only when the test asks for it. */
const patientStrategy = {
  strategy: "adaptive",
  optimal_batch_size: 25,
  max_batch_size: 40,
  min_batch_size: 2,
  max_wait_time_ms: 3_600_000,
  value_threshold: "1000000000",
  network_adjustments: { low_congestion: 35, medium_congestion: 25, high_congestion: 15 },
  priority_reasons: ["refund"],
  max_retries: 3,
  retry_interval_ms: 200,
  fee_buffer_percent: 15,
  pending_alarm_ms: 600_000,
  efficiency_target: { mint: 77, burn: 75, transfer: 78 },
}

const auditKey = auditKeyOf(Buffer.alloc(32, 7))

const fastLimits = { fallbackPollMs: 500, rebroadcastMs: 1_000, leaseMs: 2_000, leasePollMs: 300 }

export type SettlementFixture = Awaited<ReturnType<typeof createSettlementFixture>>

type Endpoints = {
  readonly rpcUrls?: readonly string[]
  readonly privateRelayUrl?: string
  /** Those that it signs with; the token's operator unless named. */
  readonly signerKeys?: readonly Hex[]
}

export type BatcherChild = {
  readonly child: ChildProcess
  /** The signal that ended it, or its exit code. */
  readonly ended: Promise<NodeJS.Signals | number | null>
  readonly log: () => string
}

/** A ledger on real PostgreSQL whose one token is deployed on a real chain, and ways to run batchers against them. */
export async function createSettlementFixture(
  options: {
    readonly anvilArgs?: readonly string[]
    readonly strategy?: Partial<typeof patientStrategy>
    /** Whether the chain has an AuditAnchor. */
    readonly anchors?: boolean
    /** Puts another token on the chain than ours. */
    readonly deploy?: (rpcUrl: string) => Promise<DeployedToken>
    readonly mode?: SettlementMode
    readonly decimals?: number
  } = {},
) {
  const database = await createTestDatabase()
  const anvil = await startAnvil({ args: options.anvilArgs ?? [] })
  const token = await (options.deploy ?? deployToken)(anvil.rpcUrl)
  const anchor = options.anchors === true ? await deployAnchor(anvil.rpcUrl, token.operator) : null
  const pool = createPool({ databaseUrl: database.appUrl, applicationName: "test", connectionsMax: 8 })
  const db = createKysely<Database>(pool)
  const chain = createPublicClient({ transport: http(anvil.rpcUrl), cacheTime: 0 })
  const ledgerId = await insertLedger(db)
  const strategy = { ...patientStrategy, ...options.strategy }
  const tokenId = await insertToken(db, {
    address: token.address,
    strategy,
    mode: options.mode ?? "settle",
    treasury: token.treasury ?? null,
    ...(options.decimals === undefined ? {} : { decimals: options.decimals }),
    ...(anchor === null ? {} : { auditAnchor: anchor.address }),
  })
  const logger = createLogger("test", process.env["TEST_LOG_LEVEL"] ?? "silent")
  const writerPool = createWriterPool({ databaseUrl: database.appUrl, applicationName: "test" })
  const writer = createLedgerWriter({
    db,
    writerPool,
    ledgerId,
    tokens: createTokenDirectory(db, ledgerId),
    logger,
  })
  const inProcess = new Set<RunningBatcher>()
  const children = new Set<ChildProcess>()

  const fixture = {
    anvil,
    database,
    db,
    chain,
    chainId,
    ledgerId,
    tokenId,
    token,
    strategy,
    /** The chain's AuditAnchor; null unless the fixture was made with one. */
    auditAnchor: anchor?.address ?? null,
    anchor(): DeployedAnchor {
      if (anchor === null) throw new Error("the fixture was made without an AuditAnchor")
      return anchor
    },
    rpc: (method: string, ...params: unknown[]) => callJsonRpc(anvil.rpcUrl, method, params),

    /** Records one operation with these changes: `[user, base units]`. */
    async adjust(
      changes: readonly (readonly [userId: string, amountBaseUnits: bigint])[],
      overrides: Partial<Adjustment> = {},
    ): Promise<void> {
      const command = adjustCommand(tokenId, randomUUID(), changes)
      const result = await writer.execute({
        ...command,
        adjustments: command.adjustments.map((adjustment) => ({ ...adjustment, ...overrides })),
      })
      if (result.outcome !== "recorded") throw new Error(`not recorded: ${result.outcome}`)
    },

    async flush(): Promise<void> {
      const { ledger_id } = await db
        .insertInto("settlement.lanes")
        .values({ ledger_id: ledgerId, token_id: tokenId, flush_requested_at: new Date() })
        .onConflict((conflict) =>
          conflict.columns(["ledger_id", "token_id"]).doUpdateSet({ flush_requested_at: new Date() }),
        )
        .returning("ledger_id")
        .executeTakeFirstOrThrow()
      await db
        .selectNoFrom((eb) => eb.fn("pg_notify", [eb.val("lane_changed"), eb.val(ledger_id)]).as("sent"))
        .execute()
    },

    /** What an operator does about a paused lane. */
    async resume(): Promise<void> {
      await db.transaction().execute((trx) => resumeLanes(trx, [{ ledgerId, tokenId }]))
    },

    confirm: () => {
      const of = { db, chain, ledgerId, chainId, token: token.address }
      return options.mode === undefined
        ? confirmFromLogs(of)
        : confirmFindings({ ...of, tokenId, treasury: token.treasury })
    },
    revoke: () => revokeNewest({ db, chain, ledgerId, chainId, token: token.address }),

    context(overrides: Partial<BatcherContext> & Endpoints = {}): BatcherContext {
      const { rpcUrls, privateRelayUrl, signerKeys, ...rest } = overrides
      const client = createChainClient({
        chainId,
        urls: rpcUrls ?? [anvil.rpcUrl],
        privateRelayUrl,
        limits: { timeoutMs: 1_500 },
      })
      const keys = signerKeys ?? [token.operatorKey]
      const signers = keys.map((key) => createEnvironmentSigner({ SIGNER_PRIVATE_KEY: key }))
      return {
        db,
        databaseUrl: database.appUrl,
        logger,
        chains: new Map([[chainId, { client, signers }]]),
        processId: randomUUID(),
        ...rest,
        limits: { ...fastLimits, ...rest.limits },
      }
    },

    /** A batcher in this process; stopped with the fixture. */
    run(overrides: Partial<BatcherContext> & Endpoints = {}): RunningBatcher {
      const batcher = runBatcher(fixture.context(overrides))
      inProcess.add(batcher)
      return batcher
    },

    async stop(batcher: RunningBatcher): Promise<void> {
      inProcess.delete(batcher)
      await batcher.stop()
    },

    /** A batcher in a process of its own, that may be killed. */
    spawn(
      overrides: {
        readonly dieAt?: BatcherStep
        /** The so-manieth time that it gets there, from 1. */
        readonly dieAtTime?: number
        readonly freezeAt?: BatcherStep
        readonly limits?: BatcherContext["limits"]
      } & Endpoints = {},
    ): BatcherChild {
      const settings: BatcherProcessOptions = {
        databaseUrl: database.appUrl,
        chainId: chainId.toString(),
        rpcUrls: overrides.rpcUrls ?? [anvil.rpcUrl],
        privateRelayUrl: overrides.privateRelayUrl ?? null,
        signerKeys: overrides.signerKeys ?? [token.operatorKey],
        processId: randomUUID(),
        dieAt: overrides.dieAt ?? null,
        dieAtTime: overrides.dieAtTime ?? 1,
        freezeAt: overrides.freezeAt ?? null,
        limits: { ...fastLimits, ...overrides.limits },
        requestTimeoutMs: 1_500,
      }
      const child = spawn(
        process.execPath,
        [fileURLToPath(new URL("./batcher-process.ts", import.meta.url))],
        {
          stdio: ["ignore", "ignore", "pipe", "ipc"],
          env: { ...inherited, TEST_BATCHER: JSON.stringify(settings) },
        },
      )
      children.add(child)
      let log = ""
      child.stderr?.on("data", (chunk: Buffer) => {
        log = (log + chunk.toString()).slice(-50_000)
      })
      const ended = new Promise<NodeJS.Signals | number | null>((resolve) => {
        child.once("exit", (code, signal) => {
          children.delete(child)
          resolve(signal ?? code)
        })
      })
      return { child, ended, log: () => log }
    },

    /** Signs the log as it stands. @returns the tree size and the root as the chain knows it */
    async checkpoint(): Promise<{ treeSize: bigint; root: Hex }> {
      const made = await makeCheckpoint(db, ledgerId, auditKey, new Date())
      if (made === null) throw new Error("nothing is new since the last checkpoint")
      return { treeSize: made.treeSize, root: `0x${made.root.toString("hex")}` }
    },

    anchors: () => db.selectFrom("settlement.anchors").selectAll().orderBy("tree_size").execute(),

    /** Waits until the anchor of this tree size is in this state. */
    anchorIn: (state: AnchorState, treeSize: bigint, timeoutMs = 45_000) =>
      waitUntil(
        async () =>
          (await fixture.anchors()).find((row) => row.tree_size === treeSize && row.state === state) ?? false,
        {
          what: `the anchor of ${treeSize} events is ${state}`,
          timeoutMs,
          describe: async () =>
            (await fixture.anchors()).map(({ tree_size, state, last_error }) => ({
              tree_size,
              state,
              last_error,
            })),
        },
      ),

    batches: () => db.selectFrom("settlement.batches").selectAll().orderBy("batch_sequence").execute(),

    transactions: () =>
      db.selectFrom("settlement.transactions").selectAll().orderBy("nonce").orderBy("attempt").execute(),

    /** What an operator configures about the chain's transactions. */
    configure: (values: UpdateObject<Database, "registry.chains">) =>
      db.updateTable("registry.chains").set(values).execute(),

    /** Waits until the one lane is paused, and answers it. */
    untilPaused: (timeoutMs = 45_000) =>
      waitUntil(
        async () => {
          const lane = await db.selectFrom("settlement.lanes").selectAll().executeTakeFirst()
          return lane?.paused_at != null && lane
        },
        { what: "the lane is paused", describe: () => fixture.batches(), timeoutMs },
      ),

    /** Waits until there are that many batches and all of them are in this state. */
    batchesIn: (state: BatchState, count: number, timeoutMs = 45_000) =>
      waitUntil(
        async () => {
          const batches = await fixture.batches()
          return batches.length === count && batches.every((batch) => batch.state === state) && batches
        },
        {
          what: `${count} batches are ${state}`,
          timeoutMs,
          describe: async () =>
            (await fixture.batches()).map(({ batch_sequence, state, last_error }) => ({
              batch_sequence,
              state,
              last_error,
            })),
        },
      ),

    balanceOf: async (address: string): Promise<bigint> =>
      chain.readContract({
        address: token.address,
        abi: cpopTokenAbi,
        functionName: "balanceOf",
        args: [address as Address],
      }),

    /** Per account: what the log says in sum, and what the chain holds. Settled means that the two columns are equal. */
    async compare(): Promise<{ user: string; ledger: bigint; chain: bigint }[]> {
      const accounts = await db
        .selectFrom("ledger.accounts as a")
        .innerJoin("ledger.balances as b", (join) =>
          join.onRef("b.ledger_id", "=", "a.ledger_id").onRef("b.account_id", "=", "a.account_id"),
        )
        .select(["a.user_id", "a.address", "b.pending"])
        .orderBy("a.account_id")
        .execute()
      return Promise.all(
        accounts.map(async ({ user_id: user, address, pending: ledger }) => ({
          user,
          ledger,
          chain: await fixture.balanceOf(address),
        })),
      )
    },

    /** How many BatchSettled each batch id has on the chain. */
    async settledCounts(): Promise<Map<string, number>> {
      const logs = parseEventLogs({
        abi: cpopTokenAbi,
        eventName: "BatchSettled",
        logs: await chain.getLogs({
          address: token.treasury ?? token.address,
          fromBlock: 0n,
          toBlock: "latest",
        }),
      })
      const counts = new Map<string, number>()
      for (const { args } of logs) {
        const batchId = `0x${args.batchId.toString(16).padStart(64, "0")}`
        counts.set(batchId, (counts.get(batchId) ?? 0) + 1)
      }
      return counts
    },

    alarms: () =>
      db
        .selectFrom("registry.alarms")
        .selectAll()
        .where("cleared_at", "is", null)
        .orderBy("raised_at")
        .execute(),

    async close(): Promise<void> {
      for (const child of children) child.kill("SIGKILL")
      await Promise.all([...inProcess].map((batcher) => batcher.stop()))
      await writer.stop()
      await writerPool.end()
      await db.destroy()
      await anvil.stop()
      await database.drop()
    },
  }
  return fixture
}

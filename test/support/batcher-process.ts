import type { BatcherContext, BatcherStep } from "../../batcher/batcher-context.ts"
import { createEnvironmentSigner } from "../../batcher/chain/environment-signer.ts"
import { runBatcher } from "../../batcher/run-batcher.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { createChainClient } from "../../platform/rpc/chain-client.ts"

/** What a batcher of a test is told, as JSON in TEST_BATCHER. */
export type BatcherProcessOptions = {
  readonly databaseUrl: string
  readonly chainId: string
  readonly rpcUrls: readonly string[]
  readonly privateRelayUrl: string | null
  readonly signerKeys: readonly string[]
  readonly processId: string
  /** Ends this process with SIGKILL when it gets there the so-manieth time, from 1. */
  readonly dieAt: BatcherStep | null
  readonly dieAtTime: number
  /** Stops this process with SIGSTOP when it gets there, the first time. */
  readonly freezeAt: BatcherStep | null
  readonly limits: NonNullable<BatcherContext["limits"]>
  readonly requestTimeoutMs: number
}

const options = JSON.parse(process.env["TEST_BATCHER"] ?? "{}") as BatcherProcessOptions
const chainId = BigInt(options.chainId)
let isFrozenOnce = false
let timesAtDeath = 0
const db = createKysely<Database>(
  createPool({ databaseUrl: options.databaseUrl, applicationName: "test-batcher", connectionsMax: 20 }),
)
const batcher = runBatcher({
  db,
  databaseUrl: options.databaseUrl,
  logger: createLogger("batcher"),
  chains: new Map([
    [
      chainId,
      {
        client: createChainClient({
          chainId,
          urls: options.rpcUrls,
          privateRelayUrl: options.privateRelayUrl ?? undefined,
          limits: { timeoutMs: options.requestTimeoutMs },
        }),
        signers: options.signerKeys.map((key) => createEnvironmentSigner({ SIGNER_PRIVATE_KEY: key })),
      },
    ],
  ]),
  processId: options.processId,
  limits: options.limits,
  onStep(step) {
    if (step === options.dieAt) timesAtDeath += 1
    if (timesAtDeath === options.dieAtTime) process.kill(process.pid, "SIGKILL")
    if (step === options.freezeAt && !isFrozenOnce) {
      isFrozenOnce = true
      process.kill(process.pid, "SIGSTOP")
    }
  },
})
process.once("SIGTERM", () => {
  void batcher
    .stop()
    .then(() => db.destroy())
    .then(() => process.exit(0))
})
// The test that started us is gone.
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"))

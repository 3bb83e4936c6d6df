import type { Kysely } from "kysely"
import { listen } from "../platform/listen.ts"
import type { Logger } from "../platform/logger.ts"
import type { ChainClient } from "../platform/rpc/chain-client.ts"
import type { RpcEndpointStatus } from "../platform/rpc/rpc-endpoint.ts"
import { type CheckpointStatus, runCheckpoints } from "./audit/run-checkpoints.ts"
import { createRpcChainView } from "./confirmations/rpc-chain-view.ts"
import { type ConfirmationStatus, runConfirmations } from "./confirmations/run-confirmations.ts"
import type { AuditKey } from "./domain/audit-key.ts"
import { runHoldExpiry } from "./holds/run-hold-expiry.ts"
import { allProjections } from "./projections/async/all-projections.ts"
import { runProjections } from "./projections/async/run-projections.ts"
import { type ReconciliationStatus, runReconciliation } from "./reconciliation/run-reconciliation.ts"
import { runRedactions } from "./redactions/run-redactions.ts"
import { runLedgerWatch } from "./run-ledger-watch.ts"
import { appendedChannel } from "./store/append.ts"
import { projectionsChangedChannel, reconciliationRequestedChannel } from "./store/channels.ts"
import type { Database } from "./store/database.ts"

export type WorkerContext = {
  readonly db: Kysely<Database>
  readonly databaseUrl: string
  readonly logger: Logger
  /** By chain id. */
  readonly chains: ReadonlyMap<bigint, ChainClient>
  /** Signs checkpoints; without it there are none. */
  readonly auditKey?: AuditKey | null
}

export type WorkerStatus = {
  readonly chains: readonly (ConfirmationStatus & {
    readonly reconciliation: ReconciliationStatus
    readonly endpoints: readonly RpcEndpointStatus[]
  })[]
  readonly checkpoints: CheckpointStatus
}

export type RunningWorker = {
  /** Everything measured now. For the role's heartbeat. */
  status(): WorkerStatus
  /** Ends the steps that are being made and starts nothing new. */
  stop(): Promise<void>
}

/**
 * Confirms what the chains did, compares both sides, keeps the projections, gives back what is held too long, goes on with erasures and signs the log. Any number of processes may run it: a step of the confirmations takes the chain's cursor or
 * changes nothing, one worker at a time makes a chain's reconciliation runs, one fills a projection of a ledger, and a checkpoint extends the one before it once. It holds nothing that a
 * `kill -9` could lose.
 */
export function runWorker(context: WorkerContext): RunningWorker {
  const { db, databaseUrl, logger, chains } = context
  const followed = [...chains.values()].map((client) => {
    const of = { db, logger, chainId: Number(client.chainId), view: createRpcChainView(client) }
    return { client, confirmations: runConfirmations(of), reconciliation: runReconciliation(of) }
  })
  const projections = runProjections({ db, logger, projections: allProjections })
  const checkpoints = runCheckpoints({ db, logger, key: context.auditKey ?? null })
  const holdExpiry = runHoldExpiry({ db, logger })
  const redactions = runRedactions({ db, logger })
  const ledgerWatch = runLedgerWatch({ db, logger })
  const listener = listen({
    databaseUrl,
    applicationName: "chainbridge-worker-listen",
    channels: [reconciliationRequestedChannel, appendedChannel, projectionsChangedChannel],
    logger,
    onNotification(notification) {
      const channel = notification?.channel
      if (channel !== reconciliationRequestedChannel) projections.wake()
      if (channel === undefined || channel === reconciliationRequestedChannel)
        for (const { reconciliation } of followed) reconciliation.wake()
    },
  })
  return {
    status: () => ({
      chains: followed.map(({ client, confirmations, reconciliation }) => ({
        ...confirmations.status(),
        reconciliation: reconciliation.status(),
        endpoints: client.status(),
      })),
      checkpoints: checkpoints.status(),
    }),
    async stop() {
      await listener.stop()
      await Promise.all([
        projections.stop(),
        checkpoints.stop(),
        holdExpiry.stop(),
        redactions.stop(),
        ledgerWatch.stop(),
        ...followed.flatMap(({ confirmations, reconciliation }) => [
          confirmations.stop(),
          reconciliation.stop(),
        ]),
      ])
    },
  }
}

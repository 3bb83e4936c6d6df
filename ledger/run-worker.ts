import type { Kysely } from "kysely"
import type { Logger } from "../platform/logger.ts"
import type { ChainClient } from "../platform/rpc/chain-client.ts"
import type { RpcEndpointStatus } from "../platform/rpc/rpc-endpoint.ts"
import { createRpcChainView } from "./confirmations/rpc-chain-view.ts"
import { type ConfirmationStatus, runConfirmations } from "./confirmations/run-confirmations.ts"
import type { Database } from "./store/database.ts"

export type WorkerContext = {
  readonly db: Kysely<Database>
  readonly databaseUrl: string
  readonly logger: Logger
  /** By chain id. */
  readonly chains: ReadonlyMap<bigint, ChainClient>
}

export type WorkerStatus = {
  readonly chains: readonly (ConfirmationStatus & { readonly endpoints: readonly RpcEndpointStatus[] })[]
}

export type RunningWorker = {
  /** Everything measured now. For the role's heartbeat. */
  status(): WorkerStatus
  /** Ends the steps that are being made and starts nothing new. */
  stop(): Promise<void>
}

/**
 * Confirms what the chains did and compares both sides. Any number of processes may run it: each step takes the chain's cursor or changes nothing.
 * It holds nothing that a `kill -9` could lose.
 */
export function runWorker({ db, logger, chains }: WorkerContext): RunningWorker {
  const followed = [...chains.values()].map((client) => ({
    client,
    confirmations: runConfirmations({
      db,
      logger,
      chainId: Number(client.chainId),
      view: createRpcChainView(client),
    }),
  }))
  return {
    status: () => ({
      chains: followed.map(({ client, confirmations }) => ({
        ...confirmations.status(),
        endpoints: client.status(),
      })),
    }),
    async stop() {
      await Promise.all(followed.map(({ confirmations }) => confirmations.stop()))
    },
  }
}

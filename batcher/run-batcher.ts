import { appendedChannel } from "../ledger/store/append.ts"
import { laneChangedChannel, registryChangedChannel } from "../ledger/store/channels.ts"
import { describeError } from "../platform/errors.ts"
import { listen } from "../platform/listen.ts"
import type { RpcEndpointStatus } from "../platform/rpc/rpc-endpoint.ts"
import { runAccounting } from "./accounting/run-accounting.ts"
import { type BatcherContext, createBatcher } from "./batcher-context.ts"
import { type DeskStatus, runDesk } from "./chain/run-desk.ts"
import { laneKey, runLanes } from "./lanes/run-lanes.ts"
import { type LaneStatus, readLaneStatus } from "./store/lane-status.ts"
import { releaseLeases } from "./store/leases.ts"

export type RunningBatcher = {
  /** Everything measured now. For the role's heartbeat. */
  status(): Promise<BatcherStatus>
  /** Ends the steps that are being made, gives the leases back and starts nothing new. */
  stop(): Promise<void>
}

export type BatcherStatus = {
  readonly lanes: readonly (LaneStatus & { readonly isHeld: boolean })[]
  readonly desks: readonly (DeskStatus & { readonly endpoints: readonly RpcEndpointStatus[] })[]
}

/**
 * Settles what the ledgers record on the chains it is given: seals batches on every lane whose lease it gets, and takes them to the chain with every signer whose lease it
 * gets. Any number of processes may run it. It holds nothing that a `kill -9` could lose.
 */
export function runBatcher(context: BatcherContext): RunningBatcher {
  const batcher = createBatcher(context)
  const { db, logger } = batcher
  const accounting = runAccounting(batcher)
  const lanes = runLanes(batcher)
  const desks = [...batcher.chains].flatMap(([chainId, chain]) =>
    chain.signers.map((signer) => ({ chain, desk: runDesk(batcher, chainId, chain.client, signer) })),
  )
  const listening = listen({
    databaseUrl: batcher.databaseUrl,
    applicationName: "chainbridge-batcher-listen",
    channels: [appendedChannel, laneChangedChannel, registryChangedChannel],
    logger,
    onNotification(notification) {
      lanes.wake(notification?.payload ?? null)
      if (notification?.channel === appendedChannel) return
      for (const { desk } of desks) desk.wake()
    },
  })
  return {
    async status() {
      const held = lanes.held()
      const rows = await readLaneStatus(db, [...batcher.chains.keys()])
      return {
        lanes: rows.map((row) => ({ ...row, isHeld: held.has(laneKey(row)) })),
        desks: desks.map(({ chain, desk }) => ({ ...desk.status(), endpoints: chain.client.status() })),
      }
    },
    async stop() {
      await listening.stop()
      await Promise.all([accounting.stop(), lanes.stop(), ...desks.map(({ desk }) => desk.stop())])
      await releaseLeases(db, batcher.processId).catch((error: unknown) => {
        logger.warn({ fault: describeError(error) }, "leases were not given back; they expire")
      })
    },
  }
}

import { readProgress } from "../../ledger/projections/async/read-progress.ts"
import { readSigners } from "../../ledger/store/read-signers.ts"
import { describeError } from "../../platform/errors.ts"
import { within } from "../chain/within.ts"
import {
  checkpointCondition,
  healthSchema,
  heartbeatAgeMsMax,
  indexerCondition,
  overallCondition,
  presentChainHealth,
  presentMetrics,
  presentWebhookHealth,
  roleCondition,
} from "../presenters/health.ts"
import { presentLaneHealth } from "../presenters/lane.ts"
import { presentProjections, projectionCondition } from "../presenters/projection-health.ts"
import { presentSigner } from "../presenters/signer.ts"
import {
  readCheckpointStates,
  readHeartbeatAges,
  readLedgerMetrics,
  readOpenAlarms,
  readWebhookFigures,
} from "../queries/health.ts"
import { readLanes } from "../queries/lanes.ts"
import type { Caller } from "../registry/api-keys.ts"
import { defineRoute, type Route } from "../route.ts"
import type { Services } from "../services.ts"

const databaseTimeoutMs = 2_000
const chainsTimeoutMs = 500
const alarmsShownMax = 100

export const getSystemHealth = defineRoute({
  method: "get",
  path: "/system/health",
  tag: "System",
  summary: "State of every component, with measured figures; with a key also those of its ledger",
  permission: "health.read",
  answer: healthSchema,
  isAnsweredUnhealthy: true,
  refusals: [],
  async handle(services, { caller }) {
    const now = new Date()
    const found = await within(look(services, caller), databaseTimeoutMs).catch((error: unknown) => {
      services.logger.warn({ reason: describeError(error) }, "the database did not answer the health check")
      return undefined
    })
    // A chain that does not answer shows as such; nobody waits for it here.
    await within(services.chains.refresh(), chainsTimeoutMs).catch((error: unknown) =>
      services.logger.debug({ reason: describeError(error) }, "the chains were not measured in time"),
    )
    const roles = found?.heartbeatAges
    const measured = [...(found?.chains.values() ?? [])].map((chain) => ({
      chain,
      progress: services.chains.progressOf(chain.chainId),
    }))
    const components = {
      database: found === undefined ? ("unhealthy" as const) : ("healthy" as const),
      redis: services.rateLimits.condition(),
      api: services.isStopping ? ("degraded" as const) : ("healthy" as const),
      indexer: found === undefined ? ("unhealthy" as const) : indexerCondition(measured, now),
      worker: roleCondition(roles?.get("worker")),
      batcher: roleCondition(roles?.get("batcher")),
      checkpoints: checkpointCondition(found?.checkpointStates ?? []),
      projections: found === undefined ? ("unhealthy" as const) : projectionCondition(found.projections),
      chains: Object.fromEntries(
        measured.map(({ chain, progress }) => [chain.name, presentChainHealth(chain, progress, now)]),
      ),
    }
    const openAlarms = found?.openAlarms ?? null
    return {
      status: found === undefined ? 503 : 200,
      ages: ["uptime", "sync_lag", "head_lag", "lag_seconds", "undelivered_seconds"],
      data: {
        status: overallCondition(components, openAlarms),
        version: services.version,
        uptime: Math.floor((now.getTime() - services.startedAt.getTime()) / 1_000),
        components,
        projections:
          found === undefined || caller === undefined ? null : presentProjections(found.projections),
        signers: found?.signers ?? null,
        lanes: found?.lanes ?? null,
        open_alarms: openAlarms,
        alarms:
          found?.alarms?.map((alarm) => ({ ...alarm, raised_at: alarm.raised_at.toISOString() })) ?? null,
        webhooks: found?.webhooks === undefined ? null : presentWebhookHealth(found.webhooks),
        ...presentMetrics(found?.metrics),
      },
    }
  },
})

/** The short name of the same. */
export const getHealth: Route = { ...getSystemHealth, path: "/health" }

async function look(services: Services, caller: Caller | undefined) {
  const { db } = services
  const [
    registry,
    heartbeatAges,
    checkpointStates,
    projections,
    { count: openAlarms, alarms },
    metrics,
    lanes,
    signers,
    webhooks,
  ] = await Promise.all([
    services.registry.current(),
    readHeartbeatAges(db),
    readCheckpointStates(db, heartbeatAgeMsMax),
    readProgress(db, caller?.ledgerId),
    readOpenAlarms(db, caller?.ledgerId, alarmsShownMax),
    caller === undefined ? undefined : readLedgerMetrics(db, caller.ledgerId),
    caller === undefined ? undefined : readLanes(db, caller.ledgerId),
    caller === undefined ? undefined : readSigners(db),
    caller === undefined ? undefined : readWebhookFigures(db, caller.ledgerId),
  ])
  return {
    chains: registry.chains,
    heartbeatAges,
    checkpointStates,
    projections,
    openAlarms,
    // To whom nobody knows only their number is said.
    alarms: caller === undefined ? undefined : alarms,
    metrics,
    webhooks,
    signers: signers?.map(presentSigner),
    // A token that was registered a moment ago shows when the registry's copy has it.
    lanes: lanes
      ?.filter((lane) => registry.tokens.has(lane.token_id))
      .map((lane) => presentLaneHealth(registry, lane)),
  }
}

import { makeWorkerUtils, run } from "graphile-worker"
import { type Kysely, sql } from "kysely"
import { appendedChannel } from "../../ledger/store/append.ts"
import { webhooksChangedChannel } from "../../ledger/store/channels.ts"
import type { Database } from "../../ledger/store/database.ts"
import { describeError } from "../../platform/errors.ts"
import { listen } from "../../platform/listen.ts"
import type { Logger } from "../../platform/logger.ts"
import { startLoop } from "../../platform/loop.ts"
import type { SecretBox } from "../../platform/secret-box.ts"
import { createLiveReader } from "../queries/live-messages.ts"
import type { RegistryCache } from "../registry/registry-cache.ts"
import { type DeliveryContext, deliverEndpoint } from "./deliver-endpoint.ts"
import { type DueEndpoint, findDueEndpoints } from "./endpoint-lease.ts"
import { createJobLogger } from "./job-logger.ts"
import { createJobPool } from "./job-pool.ts"
import { removeOldDeliveries } from "./remove-old-deliveries.ts"
import { createNameResolver } from "./resolve-name.ts"
import { defaultSendLimits } from "./send-webhook.ts"

type Settings = Pick<DeliveryContext, "leaseMs" | "sliceMs" | "random" | "limits" | "resolve">

export type WebhookRunOptions = {
  readonly db: Kysely<Database>
  readonly databaseUrl: string
  readonly registry: RegistryCache
  readonly box: SecretBox
  readonly logger: Logger
  readonly version: string
} & Partial<Settings>

export type RunningWebhooks = {
  /** For the role's heartbeat. */
  status(): { readonly delivering: number }
  /** Breaks off what has no answer yet, and gives the endpoints back. */
  stop(): Promise<void>
}

/**
 * Endpoints that this process delivers to at a time. Who has failed or was slow waits among its own kind: however many they are, the others have these places for themselves. And nobody keeps such a place
 * while his first slow answer is waited for.
 */
const places = { webhooks: 64, "webhooks-slow": 32 } as const
type Lane = keyof typeof places
const lanes: readonly Lane[] = ["webhooks", "webhooks-slow"]

const settings: Settings = {
  leaseMs: 40_000,
  sliceMs: 5_000,
  random: Math.random,
  limits: defaultSendLimits,
  resolve: createNameResolver(),
}
const lookEveryMs = 1_000
const dueAtOnceMax = 1_000
const cleanEveryMs = 60_000
/** Answers that are waited for without a place; beyond them their endpoints keep it. */
const lingeringMax = 1_000
/** A delivery that has its answer is recorded before the process ends. */
const endMs = 1_500
/** After so long the process ends without what is still under way; less than its end may take in all. */
const stuckMs = 3_500
const connectionsMax = 8

/** Delivers what the event log holds to whoever has asked for it, for as long as the process lives. Any number of processes may. */
export async function runWebhooks(options: WebhookRunOptions): Promise<RunningWebhooks> {
  const { db, databaseUrl, logger } = options
  const context: DeliveryContext = {
    ...settings,
    ...options,
    reader: createLiveReader(options),
    userAgent: `ChainBridge/${options.version}`,
  }
  const breakOff = new AbortController()
  let isStopping = false
  const jobPool = await createJobPool(
    { databaseUrl, applicationName: "chainbridge-worker-webhooks", connectionsMax },
    logger,
  )
  const { pool } = jobPool
  const jobs = await makeWorkerUtils({ pgPool: pool, logger: createJobLogger(logger) })
  const lingering = new Set<Promise<void>>()
  let delivering = 0
  const taken: Record<Lane, number> = { webhooks: 0, "webhooks-slow": 0 }

  async function deliver(lane: Lane, endpointId: string, onSlow: () => void): Promise<void> {
    delivering += 1
    const isCrowded = () => taken[lane] >= places[lane]
    const ending = { isStopping: () => isStopping, isCrowded, breakOff: breakOff.signal, onSlow }
    try {
      if (await deliverEndpoint(context, endpointId, ending)) loop.wake()
    } catch (error) {
      logger.error({ endpoint: endpointId, reason: describeError(error) }, "a webhook could not be delivered")
    } finally {
      delivering -= 1
    }
  }

  /** Ends with the delivery, or when its place can be somebody else's. */
  async function takePlace(lane: Lane, endpointId: string): Promise<void> {
    taken[lane] += 1
    const slow = Promise.withResolvers<void>()
    const work = deliver(lane, endpointId, () => {
      if (lane === "webhooks" && lingering.size < lingeringMax) slow.resolve()
    })
    await Promise.race([work, slow.promise.then(() => void lingering.add(work))])
    taken[lane] -= 1
    void work.then(() => lingering.delete(work))
  }

  const runners = await Promise.all(
    lanes.map((lane) =>
      run({
        pgPool: pool,
        concurrency: places[lane],
        noHandleSignals: true,
        // The loop below finds what is due at least as often.
        pollInterval: 30_000,
        logger: createJobLogger(logger),
        taskList: { [lane]: (payload) => takePlace(lane, (payload as { endpoint_id: string }).endpoint_id) },
      }),
    ),
  )

  async function turn(): Promise<number> {
    const due = await findDueEndpoints(db, dueAtOnceMax)
    if (due.length > 0) await addJobs(due)
    return lookEveryMs
  }

  /** By itself: what is due waits for no cleaning. */
  async function clean(): Promise<number> {
    if (await removeOldDeliveries(db)) return 0
    // Those of a worker that has died, after four hours: another job has taken their place at once.
    await jobs.cleanup({ tasks: ["DELETE_PERMAFAILED_JOBS"] })
    return cleanEveryMs
  }

  /** One job an endpoint, whoever finds it due. */
  async function addJobs(due: readonly DueEndpoint[]): Promise<void> {
    const laneOf = ({ isSlow }: DueEndpoint): Lane => (isSlow ? "webhooks-slow" : "webhooks")
    const specs = due.map((endpoint) => ({
      identifier: laneOf(endpoint),
      payload: { endpoint_id: endpoint.endpointId },
      job_key: `webhook:${endpoint.endpointId}`,
      max_attempts: 1,
    }))
    await sql`
      SELECT FROM graphile_worker.add_jobs(ARRAY(
        SELECT json_populate_record(NULL::graphile_worker.job_spec, s) FROM json_array_elements(${JSON.stringify(specs)}::json) s), true)`.execute(
      db,
    )
  }

  async function end(): Promise<void> {
    await Promise.all([loop.stop(), cleaning.stop()])
    await Promise.all(runners.map((runner) => runner.stop()))
    // Only now are there no more of them: a slow one becomes one while its place is waited for.
    await Promise.all(lingering)
    await jobs.release()
    await jobPool.end()
  }

  const loop = startLoop({ name: "webhooks", logger, gapMs: 20, turn })
  const cleaning = startLoop({ name: "webhooks-cleaning", logger, gapMs: 100, turn: clean })
  const listener = listen({
    databaseUrl,
    applicationName: "chainbridge-worker-webhooks-listen",
    channels: [appendedChannel, webhooksChangedChannel],
    logger,
    onNotification: () => loop.wake(),
  })
  return {
    status: () => ({ delivering }),
    async stop() {
      isStopping = true
      await listener.stop()
      const timer = setTimeout(() => breakOff.abort(new Error("the process stops")), endMs)
      const ended = end()
      // What is stuck in the database, say, holds up nobody's end: its lease ends without us.
      const stuck = Promise.withResolvers<"stuck">()
      const stuckTimer = setTimeout(stuck.resolve, stuckMs, "stuck")
      const isStuck = (await Promise.race([ended, stuck.promise])) === "stuck"
      clearTimeout(stuckTimer)
      clearTimeout(timer)
      if (!isStuck) return
      logger.warn({ delivering }, "the delivery of webhooks ends without what is still under way")
      ended.catch((error: unknown) =>
        logger.debug({ reason: describeError(error) }, "ended after its process"),
      )
    },
  }
}

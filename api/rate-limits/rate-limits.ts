import type { Kysely } from "kysely"
import { clearAlarm, raiseAlarm } from "../../ledger/store/alarms.ts"
import type { Database } from "../../ledger/store/database.ts"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import type { RegistryCache } from "../registry/registry-cache.ts"
import { createMemoryBuckets } from "./memory-buckets.ts"
import { createRedisBuckets } from "./redis-buckets.ts"
import type { RateVerdict } from "./token-bucket.ts"

export type RateLimits = {
  /** Takes a token of a caller. @returns undefined where nothing limits him */
  take(subject: string): Promise<RateVerdict | undefined>
  /** Of Redis. */
  condition(): "healthy" | "degraded" | "not_configured"
  /** Resolves when Redis has been asked for the first time. */
  start(): Promise<void>
  stop(): void
}

const probeEveryMs = 1_000
const alarmSubject = "rate limits"

/**
 * The buckets of Redis where there is one. While it does not answer, this process counts by itself: everybody is served, and limited by each process as if it were the only one. That is an alarm, which
 * ends when Redis is back.
 */
export function createRateLimits(options: {
  readonly db: Kysely<Database>
  readonly logger: Logger
  readonly registry: RegistryCache
  readonly redisUrl: string | undefined
  readonly bucketsMax: number
}): RateLimits {
  const { db, logger, registry, redisUrl } = options
  const memory = createMemoryBuckets(options.bucketsMax)
  const redis = redisUrl === undefined ? undefined : createRedisBuckets(redisUrl)
  let isDown = false
  let isStopping = false
  let timer: NodeJS.Timeout | undefined

  function tell(alarm: Promise<void>): void {
    alarm.catch((error: unknown) =>
      logger.warn({ reason: describeError(error) }, "the state of Redis could not be noted"),
    )
  }

  function onFault(error: unknown): void {
    if (isStopping) return
    if (!isDown)
      logger.warn({ reason: describeError(error) }, "Redis does not answer: limits hold by process")
    isDown = true
    const message = "Redis does not answer: each API process counts the requests of a key by itself"
    tell(raiseAlarm(db, { kind: "redis_unavailable", subject: alarmSubject, ledgerId: null, message }))
    clearTimeout(timer)
    timer = setTimeout(() => void probe(), probeEveryMs)
    timer.unref()
  }

  async function probe(): Promise<void> {
    try {
      await redis?.probe()
    } catch (error) {
      onFault(error)
      return
    }
    if (isDown) logger.info({}, "Redis answers again")
    isDown = false
    if (!isStopping) tell(clearAlarm(db, "redis_unavailable", alarmSubject))
  }

  return {
    async take(subject) {
      const { rateLimits } = await registry.current()
      const limit = rateLimits.byCaller.get(subject) ?? rateLimits.byDefault
      if (limit === null) return undefined
      if (redis === undefined || isDown) return memory.take(subject, limit)
      try {
        return await redis.take(subject, limit)
      } catch (error) {
        onFault(error)
        return memory.take(subject, limit)
      }
    },
    condition: () => (redis === undefined ? "not_configured" : isDown ? "degraded" : "healthy"),
    async start() {
      if (redis !== undefined) await redis.connected().then(probe, onFault)
    },
    stop() {
      isStopping = true
      clearTimeout(timer)
      redis?.stop()
    },
  }
}

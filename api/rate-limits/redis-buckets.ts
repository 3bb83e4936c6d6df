import { Redis } from "ioredis"
import { type BucketStore, spansOf, verdictOf } from "./token-bucket.ts"

/** One step, by the clock of Redis: who asks does not matter, nor what time it is there. A bucket is never fuller in time than an empty one of the limit of now: the clock may have gone back, and the limit have been raised. The answer is whether there was a token, and when the bucket is full, in milliseconds. */
const takeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local gap = tonumber(ARGV[1])
local full = tonumber(ARGV[2])
local stored = tonumber(redis.call('GET', KEYS[1]) or '0')
local before = math.min(math.max(now, stored), now + full)
local after = before + gap
if after - now > full + 0.001 then
  if before < stored then redis.call('SET', KEYS[1], string.format('%.3f', before), 'PX', math.ceil(before - now)) end
  return { 0, string.format('%.3f', before - now) }
end
redis.call('SET', KEYS[1], string.format('%.3f', after), 'PX', math.ceil(after - now))
return { 1, string.format('%.3f', after - now) }`

type TakeCommand = (key: string, gapMs: number, fullMs: number) => Promise<[number, string]>

export type RedisBuckets = BucketStore & {
  /** Resolves when there is a connection; rejects when the first attempt fails. */
  connected(): Promise<void>
  /** Rejects where Redis does not count, or does not answer in time: one that may not write answers a PING. */
  probe(): Promise<void>
  stop(): void
}

const commandTimeoutMs = 250

/** Buckets that all processes share. A command fails at once while there is no connection, and soon where there is no answer. @param redisUrl `redis://…` or `rediss://…` */
export function createRedisBuckets(redisUrl: string): RedisBuckets {
  const redis = new Redis(redisUrl, {
    lazyConnect: true,
    enableOfflineQueue: false,
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 100, 1_000),
    scripts: { takeToken: { lua: takeScript, numberOfKeys: 1 } },
  })
  // What fails says so where it is asked for; without a listener it would be printed as well.
  redis.on("error", () => undefined)
  const { takeToken } = redis as unknown as { takeToken: TakeCommand }
  return {
    async take(subject, limit) {
      const { gapMs, fullMs } = spansOf(limit)
      const [isAllowed, fullInMs] = await takeToken.call(redis, `chainbridge:rate:${subject}`, gapMs, fullMs)
      return verdictOf(isAllowed === 1, Number(fullInMs), limit)
    },
    connected: () => redis.connect(),
    async probe() {
      await takeToken.call(redis, "chainbridge:probe", 1, 1_000)
    },
    stop: () => redis.disconnect(),
  }
}

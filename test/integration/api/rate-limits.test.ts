import { Redis } from "ioredis"
import { sql } from "kysely"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type ApiServer, startApiServer } from "../../../api/api-server.ts"
import { createWriterPool } from "../../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../../platform/logger.ts"
import { hasRedis, type RedisServer, startRedisServer } from "../../support/redis-server.ts"
import { seedKey } from "../../support/seed-registry.ts"
import { type ApiReply, startTestApi, type TestApi } from "../../support/test-api.ts"

// Slow enough that nothing comes back while a test looks.
const rate = { requests_per_second: 1, burst: 5 }

async function limitKey(api: TestApi, limit: typeof rate | null): Promise<string> {
  const key = await seedKey(api.db, api.app)
  if (limit === null) return key
  await sql`
    INSERT INTO registry.key_rate_limits (key_id, requests_per_second, burst)
    SELECT key_id, ${limit.requests_per_second}, ${limit.burst} FROM registry.api_keys WHERE key_hash = sha256(${Buffer.from(key)})`.execute(
    api.db,
  )
  await sql`SELECT pg_notify('registry_changed', '')`.execute(api.db)
  return key
}

const asked = (api: TestApi, key: string, path = "/api/v1/chains"): Promise<ApiReply> =>
  api.call("GET", path, undefined, { authorization: `Bearer ${key}` })

/** A key with a limit that the API knows of, with all its requests left. */
async function freshKey(api: TestApi, limit = rate): Promise<string> {
  const key = await limitKey(api, limit)
  for (;;) {
    const { headers } = await asked(api, key)
    if (headers.has("ratelimit-limit")) break
  }
  return key
}

async function spend(api: TestApi, key: string): Promise<ApiReply> {
  for (let sent = 0; sent < 50; sent += 1) {
    const reply = await asked(api, key)
    if (reply.status === 429) return reply
  }
  throw new Error("nothing limits the key")
}

const remaining = ({ headers }: ApiReply) => Number(headers.get("ratelimit-remaining"))

describe("a key's bucket in process", () => testBucket("in process"))
describe.skipIf(!hasRedis)("a key's bucket in Redis (skipped without redis-server)", () =>
  testBucket("in Redis"),
)

function testBucket(where: "in process" | "in Redis"): void {
  let redis: RedisServer | undefined
  let api: TestApi
  beforeAll(async () => {
    if (where === "in Redis") redis = await startRedisServer()
    api = await startTestApi(redis === undefined ? {} : { redisUrl: redis.url })
  })
  afterAll(async () => {
    await api?.close()
    await redis?.kill()
  })

  it("is emptied by requests, says so on every answer, and fills again", async () => {
    const key = await freshKey(api)
    const before = await asked(api, key)
    expect(before.status).toBe(200)
    expect(before.headers.get("ratelimit-limit")).toBe("5")
    expect(before.headers.get("ratelimit-policy")).toBe("5;w=5")
    const after = await asked(api, key)
    expect(remaining(after)).toBeLessThanOrEqual(remaining(before))
    expect(remaining(after)).toBeGreaterThanOrEqual(remaining(before) - 1)
    const refused = await spend(api, key)
    expect(refused.body).toMatchObject({ code: 429, errors: [{ field: null, code: "RATE_LIMITED" }] })
    expect(refused.headers.get("retry-after")).toBe("1")
    expect(refused.headers.get("ratelimit-remaining")).toBe("0")
    expect(Number(refused.headers.get("ratelimit-reset"))).toBe(5)
    await new Promise((resolve) => setTimeout(resolve, 1_050))
    expect((await asked(api, key)).status).toBe(200)
  })

  it("never gives more than its burst and what has come since, however many ask at once", async () => {
    const key = await freshKey(api, { requests_per_second: 1, burst: 50 })
    const from = performance.now()
    // More at once can hold this process up for as long as it takes Redis for dead. No multiple of those that ask at once: some of them meet the last tokens together.
    const replies: ApiReply[] = []
    for (let sent = 0; sent < 120; sent += 20)
      replies.push(...(await Promise.all(Array.from({ length: 20 }, () => asked(api, key)))))
    const seconds = (performance.now() - from) / 1_000
    const allowed = replies.filter(({ status }) => status === 200).length
    expect(allowed).toBeLessThanOrEqual(50 + Math.ceil(seconds))
    expect(allowed).toBeGreaterThanOrEqual(45)
    expect(replies.filter(({ status }) => status === 429)).toHaveLength(120 - allowed)
  })

  it("is its own: another key of the app has its own one, and one without a limit has none", async () => {
    const key = await freshKey(api)
    await spend(api, key)
    const other = await limitKey(api, null)
    const reply = await asked(api, other)
    expect(reply.status).toBe(200)
    expect(reply.headers.has("ratelimit-limit")).toBe(false)
  })

  it("counts what is refused for other reasons, too, and stands before the work: nothing of a write is recorded", async () => {
    const key = await freshKey(api, { requests_per_second: 1, burst: 20 })
    const headers = { authorization: `Bearer ${key}` }
    const reads = await Promise.all(
      Array.from({ length: 30 }, () => api.call("GET", "/api/v1/balance/nobody", undefined, headers)),
    )
    expect(new Set(reads.map(({ status }) => status))).toEqual(new Set([404, 429]))
    // A token may have come meanwhile.
    const write = () => api.adjust({ operation_id: "limited", adjustments: "not even looked at" }, headers)
    await expect.poll(async () => (await write()).status).toBe(429)
    expect((await api.call("GET", "/api/v1/operations/limited")).status).toBe(404)
  })

  it("bounds every key by the policy, unless it has a limit of its own", async () => {
    const plain = await limitKey(api, null)
    const own = await freshKey(api, { requests_per_second: 50, burst: 100 })
    const policy = (values: string) =>
      sql`INSERT INTO registry.rate_limit_policy (requests_per_second, burst) VALUES ${sql.raw(values)}
        ON CONFLICT (is_only_row) DO UPDATE SET requests_per_second = excluded.requests_per_second, burst = excluded.burst`.execute(
        api.db,
      )
    await policy("(1000, 3000)")
    await sql`SELECT pg_notify('registry_changed', '')`.execute(api.db)
    const limitOf = async (key: string) => (await asked(api, key)).headers.get("ratelimit-limit")
    await expect.poll(() => limitOf(plain)).toBe("3000")
    expect(await limitOf(own)).toBe("100")
    await policy("(NULL, NULL)")
    await sql`SELECT pg_notify('registry_changed', '')`.execute(api.db)
    await expect.poll(() => limitOf(plain)).toBeNull()
    expect(await limitOf(own)).toBe("100")
  })

  it("holds as soon as it is raised, whatever was taken before", async () => {
    const key = await freshKey(api, { requests_per_second: 1, burst: 40 })
    await spend(api, key)
    await sql`
      UPDATE registry.key_rate_limits SET requests_per_second = 100, burst = 200
      WHERE key_id = (SELECT key_id FROM registry.api_keys WHERE key_hash = sha256(${Buffer.from(key)}))`.execute(
      api.db,
    )
    await sql`SELECT pg_notify('registry_changed', '')`.execute(api.db)
    await expect.poll(async () => (await asked(api, key)).status, { timeout: 5_000 }).toBe(200)
  })

  it("is also told where the answer is a stream", async () => {
    const key = await freshKey(api)
    const response = await fetch(`${api.server.url}/api/v1/audit/events`, {
      headers: { authorization: `Bearer ${key}` },
    })
    expect(response.headers.get("ratelimit-limit")).toBe("5")
    await response.text()
  })
}

describe.skipIf(!hasRedis)("Redis (skipped without redis-server)", () => {
  let redis: RedisServer
  let api: TestApi
  let second: ApiServer
  let writerPool: ReturnType<typeof createWriterPool>
  beforeAll(async () => {
    redis = await startRedisServer()
    api = await startTestApi({ redisUrl: redis.url })
    writerPool = createWriterPool({ databaseUrl: api.database.appUrl, applicationName: "test-second" })
    second = await startApiServer({
      db: api.db,
      writerPool,
      databaseUrl: api.database.appUrl,
      logger: createLogger("api", "silent"),
      host: "127.0.0.1",
      port: 0,
      version: "0.0.0-test",
      redisUrl: redis.url,
    })
  })
  afterAll(async () => {
    await second?.stop()
    await writerPool?.end()
    await api?.close()
    await redis?.kill()
  })

  const atSecond = (key: string) =>
    fetch(`${second.url}/api/v1/chains`, { headers: { authorization: `Bearer ${key}` } })
  /** A key that is used up at the first process, with a limit that the second one knows of as well. */
  async function spentKey(): Promise<string> {
    const key = await freshKey(api)
    await expect.poll(async () => (await atSecond(key)).headers.has("ratelimit-limit")).toBe(true)
    await spend(api, key)
    return key
  }
  const health = async () => {
    const { components, alarms } = (await api.call("GET", "/api/v1/system/health")).body.data
    const kinds = (alarms as { kind: string }[]).map(({ kind }) => kind)
    return { redis: components.redis, alarms: kinds.filter((kind) => kind === "redis_unavailable") }
  }

  it("has the processes count together", async () => {
    const key = await spentKey()
    expect((await atSecond(key)).status).toBe(429)
    expect(await health()).toEqual({ redis: "healthy", alarms: [] })
  })

  it("that may not write is degraded until it may, and not healthy in between because it answers", async () => {
    const key = await freshKey(api)
    const admin = new Redis(redis.url)
    await admin.config("SET", "min-replicas-to-write", "1")
    await asked(api, key)
    await expect.poll(health).toEqual({ redis: "degraded", alarms: ["redis_unavailable"] })
    const until = performance.now() + 3_000
    while (performance.now() < until) {
      await asked(api, key)
      expect(await health()).toEqual({ redis: "degraded", alarms: ["redis_unavailable"] })
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await admin.config("SET", "min-replicas-to-write", "0")
    await expect.poll(health, { timeout: 15_000 }).toEqual({ redis: "healthy", alarms: [] })
    admin.disconnect()
  })

  it.each(["dies", "stands still"])(
    "that %s keeps nobody from being served: each process counts, and an alarm says so",
    async (how) => {
      const key = await freshKey(api)
      await spend(api, key)
      if (how === "dies") await redis.kill()
      else redis.pause()
      const from = performance.now()
      const replies = await Promise.all(Array.from({ length: 20 }, () => asked(api, key)))
      expect(performance.now() - from).toBeLessThan(2_000)
      expect(replies.some(({ status }) => status === 200)).toBe(true)
      expect(replies.some(({ status }) => status === 429)).toBe(true)
      await expect.poll(health).toEqual({ redis: "degraded", alarms: ["redis_unavailable"] })
      // Once known, nobody waits for it any more.
      const times: number[] = []
      for (let tries = 0; tries < 5; tries += 1) {
        const again = performance.now()
        await asked(api, key)
        times.push(performance.now() - again)
      }
      expect(Math.min(...times)).toBeLessThan(200)

      if (how === "dies") await redis.restart()
      else redis.resume()
      await expect.poll(health, { timeout: 15_000 }).toEqual({ redis: "healthy", alarms: [] })
      // The other process notices by itself, within a second or two.
      await new Promise((resolve) => setTimeout(resolve, 2_500))
      const shared = await spentKey()
      expect((await atSecond(shared)).status).toBe(429)
    },
  )
})

import { randomBytes } from "node:crypto"
import { sql } from "kysely"
import type { IdentityOptions } from "../../api/context.ts"
import { createRegistryCache } from "../../api/registry/registry-cache.ts"
import type { ResolveName } from "../../api/webhooks/resolve-name.ts"
import { type RunningWebhooks, runWebhooks, type WebhookRunOptions } from "../../api/webhooks/run-webhooks.ts"
import { webhooksChangedChannel } from "../../ledger/store/channels.ts"
import { createLogger } from "../../platform/logger.ts"
import { createSecretBox } from "../../platform/secret-box.ts"
import { startTestApi, type TestApi } from "./test-api.ts"
import { waitUntil } from "./wait-until.ts"
import type { WebhookReceiver } from "./webhook-receiver.ts"

export type MadeWebhook = { readonly webhook_id: string; readonly secret: string }

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers whose shape is what they test
type Shown = any

export type WebhookFixture = {
  readonly api: TestApi
  readonly secretKey: Buffer
  /** Runs a worker in this process. */
  run(settings?: Partial<WebhookRunOptions>): Promise<RunningWebhooks>
  make(url: string, more?: object): Promise<MadeWebhook>
  /** One change each, of 1 CPOP. @returns the position of the last */
  record(changes: number, user?: string): Promise<bigint>
  show(webhookId: string): Promise<Shown>
  deliveries(webhookId: string, query?: string): Promise<Shown[]>
  /** Lets the time pass that an endpoint waits, and as much of what it has waited so far. @returns how long that was, in ms; null: it does not wait */
  passTime(webhookId: string): Promise<number | null>
  /** Until the endpoint is through with everything up to a position. */
  whenThrough(webhookId: string, position: bigint): Promise<void>
  /** Until the endpoint's first attempt has failed. @returns that attempt */
  firstFailure(webhookId: string): Promise<Shown>
  setPolicy(policy: { http?: boolean; targets?: string[]; disableAfterMs?: number }): Promise<void>
  close(): Promise<void>
}

/** The API with the delivery of webhooks, to receivers on this machine. */
export async function createWebhookFixture(
  options: { readonly resolve?: ResolveName; readonly identity?: IdentityOptions } = {},
): Promise<WebhookFixture> {
  const secretKey = randomBytes(32)
  const { identity, resolve } = options
  const api = await startTestApi({
    ...(identity === undefined ? {} : { identity }),
    limits: { webhooksMax: 200 },
    webhooks: { secretKeys: [secretKey], ...(resolve === undefined ? {} : { resolve }) },
  })
  const running: RunningWebhooks[] = []
  const logger = createLogger("webhooks", process.env["TEST_LOG_LEVEL"] ?? "silent")
  const registry = createRegistryCache({ db: api.db, logger, maxAgeMs: 1_000 })
  const data = async (method: string, path: string, body?: object) => {
    const reply = await api.call(method, `/api/v1${path}`, body)
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(reply.body)}`)
    return reply.body.data
  }
  const fixture: WebhookFixture = {
    api,
    secretKey,
    async run(settings = {}) {
      const worker = await runWebhooks({
        ...{ db: api.db, databaseUrl: api.database.appUrl, registry, logger, version: "0.0.0-test" },
        box: createSecretBox([secretKey]),
        ...(resolve === undefined ? {} : { resolve }),
        ...settings,
      })
      running.push(worker)
      return worker
    },
    make: (url, more = {}) => data("POST", "/webhooks", { url, ...more }),
    async record(changes, user = "user_123") {
      let position = 0n
      for (let left = changes; left > 0; left -= 500) {
        const change = { user_id: user, token_symbol: "CPOP", amount: "+1", reason_type: "reward" }
        const adjustments = Array.from({ length: Math.min(left, 500) }, () => change)
        position = BigInt((await data("POST", "/balance/adjust", { adjustments })).position)
      }
      return position
    },
    show: (webhookId) => data("GET", `/webhooks/${webhookId}`),
    deliveries: async (webhookId, query = "limit=500") =>
      (await data("GET", `/webhooks/${webhookId}/deliveries?${query}`)).deliveries,
    async passTime(webhookId) {
      const { rows } = await sql<{ waited_ms: number }>`
        UPDATE webhooks.endpoints e SET next_attempt_at = now(),
          failing_since = e.failing_since - greatest(was.next_attempt_at - now(), interval '0')
        FROM webhooks.endpoints was
        WHERE e.endpoint_id = ${webhookId} AND was.endpoint_id = e.endpoint_id AND was.next_attempt_at > now()
        RETURNING (extract(epoch FROM was.next_attempt_at - now()) * 1000)::float8 AS waited_ms`.execute(
        api.db,
      )
      await sql`SELECT pg_notify(${webhooksChangedChannel}, '')`.execute(api.db)
      return rows[0]?.waited_ms ?? null
    },
    async whenThrough(webhookId, position) {
      await waitUntil(async () => BigInt((await fixture.show(webhookId)).position ?? "0") >= position, {
        what: `webhook ${webhookId} is at ${position}`,
        describe: () => fixture.show(webhookId),
      })
    },
    firstFailure: (webhookId) =>
      waitUntil(
        async () => {
          const [delivery] = await fixture.deliveries(webhookId)
          return delivery?.status === "retrying" ? delivery.attempts[0] : false
        },
        { what: "an attempt has failed", describe: () => fixture.deliveries(webhookId) },
      ),
    async setPolicy({ http = true, targets = ["127.0.0.0/8"], disableAfterMs = 5 * 86_400_000 }) {
      const row = {
        ...{ allow_http: http, allowed_targets: targets },
        ...{ disable_after_ms: BigInt(disableAfterMs), log_kept_ms: 30n * 86_400_000n },
      }
      await api.db
        .insertInto("registry.webhook_policy")
        .values(row)
        .onConflict((conflict) => conflict.column("is_only_row").doUpdateSet(row))
        .execute()
    },
    async close() {
      await Promise.all(running.map((worker) => worker.stop().catch(() => undefined)))
      await api.close()
    },
  }
  await fixture.setPolicy({})
  return fixture
}

/** Until a receiver has taken so many messages. */
export function whenTaken(receiver: WebhookReceiver, count: number): Promise<boolean> {
  return waitUntil(() => Promise.resolve(receiver.taken.length >= count), {
    what: `${count} messages were taken`,
    describe: () => Promise.resolve({ taken: receiver.taken.length, received: receiver.received.length }),
  })
}

import type { Kysely } from "kysely"
import type pg from "pg"
import { type ApiServer, startApiServer } from "../../api/api-server.ts"
import type { ChainReader, IdentityOptions, WebhookOptions } from "../../api/context.ts"
import type { ApiLimits } from "../../api/limits.ts"
import { createRegistryChecks } from "../../cli/registry/registry-checks.ts"
import type { Database } from "../../ledger/store/database.ts"
import { createWriterPool } from "../../ledger/writer/writer-pool.ts"
import { createLogger } from "../../platform/logger.ts"
import { createKysely, createPool } from "../../platform/postgres.ts"
import { callApi } from "./call-api.ts"
import type { TestDatabase } from "./create-database.ts"
import { createTestDatabase } from "./postgres.ts"
import { type SeededRegistry, seedRegistry } from "./seed-registry.ts"

export type ApiReply = {
  readonly status: number
  readonly headers: Headers
  /** The envelope. */
  readonly body: {
    readonly code: number
    readonly message: string
    readonly request_id: string
    // biome-ignore lint/suspicious/noExplicitAny: tests look into answers whose shape is what they test
    readonly data?: any
    readonly batch_info?: Record<string, unknown>
    readonly errors?: readonly { field: string | null; code: string; message: string }[]
  }
}

export type TestApi = SeededRegistry & {
  readonly database: TestDatabase
  readonly db: Kysely<Database>
  readonly writerPool: pg.Pool
  readonly server: ApiServer
  /** Calls with the app's key unless `headers` says otherwise; an object becomes a JSON body. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiReply>
  adjust(body: object, headers?: Record<string, string>): Promise<ApiReply>
  /** Gives a user so much CPOP. */
  fund(userId: string, amount: string): Promise<void>
  /** A pool of the schemas' owner, for the caller to destroy. */
  openAsOwner(): Kysely<Database>
  close(): Promise<void>
}

/** The API on a free port, over a database of its own. @param options.database unless a fresh one in the run's PostgreSQL will do */
export async function startTestApi(
  options: {
    readonly rpc?: ChainReader
    /** Where the chains are that are registered: `CHAINBRIDGE_RPC_URLS_<chain_id>`. */
    readonly environment?: Readonly<Record<string, string>>
    readonly limits?: Partial<ApiLimits>
    readonly database?: TestDatabase
    readonly identity?: IdentityOptions
    readonly redisUrl?: string
    readonly webhooks?: WebhookOptions
    readonly corsOrigins?: readonly string[]
  } = {},
): Promise<TestApi> {
  const { database: given, environment, ...rest } = options
  const database = given ?? (await createTestDatabase())
  const pool = createPool({ databaseUrl: database.appUrl, applicationName: "test-api", connectionsMax: 10 })
  const db = createKysely<Database>(pool)
  const writerPool = createWriterPool({ databaseUrl: database.appUrl, applicationName: "test-api" })
  const registry = await seedRegistry(db)
  const server = await startApiServer({
    db,
    writerPool,
    databaseUrl: database.appUrl,
    logger: createLogger("api", "silent"),
    host: "127.0.0.1",
    port: 0,
    version: "0.0.0-test",
    ...(environment === undefined ? {} : { checks: createRegistryChecks(db, environment) }),
    ...rest,
  })

  const call: TestApi["call"] = (...request) => callApi(server.url, registry.apiKey, ...request)
  const adjust: TestApi["adjust"] = (body, headers) => call("POST", "/api/v1/balance/adjust", body, headers)

  return {
    ...registry,
    database,
    db,
    writerPool,
    server,
    call,
    adjust,
    async fund(userId, amount) {
      const adjustment = {
        user_id: userId,
        token_symbol: "CPOP",
        amount: `+${amount}`,
        reason_type: "reward",
      }
      const reply = await adjust({ adjustments: [adjustment] })
      if (reply.status !== 200) throw new Error(`funding failed: ${JSON.stringify(reply.body)}`)
    },
    openAsOwner: () =>
      createKysely<Database>(
        createPool({ databaseUrl: database.ownerUrl, applicationName: "test-owner", connectionsMax: 1 }),
      ),
    async close() {
      await server.stop()
      await writerPool.end()
      await db.destroy()
      await database.drop()
    },
  }
}

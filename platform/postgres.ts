import {
  type CompiledQuery,
  Kysely,
  PostgresDialect,
  type QueryExecutorProvider,
  type RawBuilder,
} from "kysely"
import pg from "pg"

// 64-bit integers and numerics are money or positions: they stay exact. bigint for int8, bigint for numeric(78,0).
pg.types.setTypeParser(pg.types.builtins.INT8, (text) => BigInt(text))
pg.types.setTypeParser(pg.types.builtins.NUMERIC, (text) => {
  if (!/^-?\d+$/.test(text))
    throw new TypeError(`a numeric that is not an integer came from the database: ${text}`)
  return BigInt(text)
})

export type PoolOptions = {
  /** `postgres://user:password@host:port/database` */
  readonly databaseUrl: string
  readonly applicationName: string
  readonly connectionsMax: number
  /** Connections that stay open when nobody needs them. */
  readonly connectionsMin?: number
  /** Sends a query without waiting for the answer to the one before it on the same connection. */
  readonly pipeline?: boolean
  /** Of PostgreSQL, for every session. */
  readonly settings?: Readonly<Record<string, string>>
  /** A query that has no answer after this long fails, and its connection is closed. Without it a query waits for as long as TCP does. */
  readonly queryTimeoutMs?: number
}

/**
 * What a session holds locked, every other one waits for. A process that is paused inside of a transaction, or whose host is gone, sends no FIN: without these its locks would
 * stay for hours. The server ends a transaction whose client says nothing for 10 s, and a connection whose other end has not acknowledged anything for about 25 s.
 */
const lostClientSettings = {
  idle_in_transaction_session_timeout: "10000",
  tcp_keepalives_idle: "10",
  tcp_keepalives_interval: "5",
  tcp_keepalives_count: "3",
  tcp_user_timeout: "25000",
}

/**
 * A pool whose connections commit durably. A connection that the server ends while it is idle is dropped
 * from the pool without bringing the process down; the next query opens a new one.
 */
export function createPool(options: PoolOptions): pg.Pool {
  const settings = {
    ...lostClientSettings,
    // Compiling a plan is for minutes of work. Where nothing is known of the values, a read of ten rows is taken for one of millions, and would be compiled each time.
    jit: "off",
    ...options.settings,
    synchronous_commit: "on",
    timezone: "UTC",
  }
  const pool = new pg.Pool({
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    max: options.connectionsMax,
    min: options.connectionsMin ?? 0,
    pipeline: options.pipeline ?? false,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    ...(options.queryTimeoutMs === undefined ? {} : { query_timeout: options.queryTimeoutMs }),
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(" "),
  })
  // Without a listener an idle client that loses its server is an unhandled 'error' event.
  pool.on("error", () => undefined)
  pool.on("connect", (client) => client.on("error", () => undefined))
  return pool
}

const pools = new WeakMap<object, pg.Pool>()

export function createKysely<Database>(pool: pg.Pool): Kysely<Database> {
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
  pools.set(db, pool)
  return db
}

/** Where a database of {@link createKysely} is, for what needs connections of its own: Kysely hands none out. */
export function databaseUrlOf<Database>(db: Kysely<Database>): string {
  const databaseUrl = pools.get(db)?.options.connectionString
  if (databaseUrl === undefined) throw new TypeError("this Kysely was not made by createKysely")
  return databaseUrl
}

/**
 * Runs a query that each connection keeps prepared, which Kysely's own never are: to plan one over the partitions of the log takes longer than to run it. By the pool itself, which
 * closes a connection whose query was not answered in time; Kysely would give it to the next one, busy as it is.
 * @param db in a transaction the query runs in it, and is planned anew
 * @param name of this text alone: a second text of that name is refused; undefined: it is planned each time
 */
export async function queryPrepared<Row>(
  db: QueryExecutorProvider & Pick<Kysely<never>, "executeQuery">,
  name: string | undefined,
  query: RawBuilder<Row> | CompiledQuery<Row>,
): Promise<readonly Row[]> {
  const compiled = "compile" in query ? query.compile(db) : query
  const pool = pools.get(db)
  if (pool === undefined) return (await db.executeQuery(compiled)).rows
  const prepared = name === undefined ? {} : { name }
  const { rows } = await pool.query({ ...prepared, text: compiled.sql, values: [...compiled.parameters] })
  return rows as Row[]
}

// Connection trouble, shutdown and start of the server, a transaction that was paused for too long, serialisation failure, deadlock.
const transientCodes = /^(08|57P0|53)|^(25P03|40001|40P01)$/
const transientNetworkCodes = new Set(["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOENT"])

/** Whether the server had no space to write to. It does not get any by being asked again at once. */
export function isStorageFull(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === "53100"
}

/** Whether the same transaction may succeed when it is simply tried again. */
export function isTransientPostgresError(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = (error as { code?: unknown }).code
  if (typeof code === "string" && (transientCodes.test(code) || transientNetworkCodes.has(code))) return true
  return /Query read timeout|Connection terminated|connection timeout|timeout exceeded when trying to connect|Client has encountered a connection error/i.test(
    error.message,
  )
}

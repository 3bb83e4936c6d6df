import pg from "pg"
import { createPool, isTransientPostgresError, type PoolOptions } from "../../platform/postgres.ts"

const pauseMs = 500
/** Of the codes after which graphile-worker asks again, the one with the shortest pauses: a transaction that met another one. */
const askAgainCode = "40001"
const knownCodes = new Set([askAgainCode, "40P01"])
/** A server that was one to write to, and is not any more: somebody else is about to be. */
const readOnlyCode = "25006"

export type JobPool = {
  readonly pool: pg.Pool
  /** Waits for every connection to be back: whoever waits for one of a pool that ends waits in vain. */
  end(): Promise<void>
}

/**
 * A pool for graphile-worker. That takes for granted that the end of a job is recorded: where the database fails it just then, the rejection is nobody's and ends the process. So who awaits a
 * connection waits until there is one, and a question that a lost connection has left without an answer is rejected with a code after which it is asked again. A job's end that is still to be
 * recorded when the pool ends is dropped, as if the process had died.
 * @throws where the database cannot be reached now, or does not let us in
 */
export async function createJobPool(options: PoolOptions): Promise<JobPool> {
  const pool = createPool(options)
  try {
    await pool.query("SELECT")
  } catch (error) {
    await pool.end()
    throw error
  }
  const connect = pool.connect.bind(pool)
  async function connectAtLast(): Promise<pg.PoolClient> {
    for (;;) {
      if (pool.ending) return new Promise(() => undefined)
      try {
        return askingAgain(await connect())
      } catch {
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
    }
  }
  // With a callback, as its listener has one, it hears of each failure and asks again itself.
  pool.connect = ((callback?: Parameters<typeof connect>[0]) =>
    callback === undefined ? connectAtLast() : connect(callback)) as typeof pool.connect
  return {
    pool,
    async end() {
      while (pool.waitingCount > 0 || pool.idleCount < pool.totalCount)
        await new Promise((resolve) => setTimeout(resolve, 20))
      await pool.end()
    },
  }
}

const asking = new WeakSet<pg.PoolClient>()

function askingAgain(client: pg.PoolClient): pg.PoolClient {
  if (asking.has(client)) return client
  asking.add(client)
  const query = client.query.bind(client) as (...values: unknown[]) => unknown
  client.query = ((...values: unknown[]) => {
    const answer = query(...values)
    return answer instanceof Promise ? answer.catch(rejectKnown) : answer
  }) as typeof client.query
  return client
}

function rejectKnown(error: unknown): never {
  if (!(error instanceof Error)) throw error
  const { code } = error as { code?: string }
  // What the server itself says of a statement is said again the next time, unless it passes.
  const isForGood =
    error instanceof pg.DatabaseError && !isTransientPostgresError(error) && code !== readOnlyCode
  if (isForGood || (code !== undefined && knownCodes.has(code))) throw error
  throw Object.assign(new Error(error.message, { cause: error }), { code: askAgainCode })
}

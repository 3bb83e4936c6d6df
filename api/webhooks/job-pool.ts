import pg from "pg"
import { describeError } from "../../platform/errors.ts"
import type { Logger } from "../../platform/logger.ts"
import { createPool, type PoolOptions } from "../../platform/postgres.ts"

const pauseMsMin = 500
const pauseMsMax = 2_000
/** Of the codes after which graphile-worker asks again, the one with the shortest pauses: a transaction that met another one. */
const askAgainCode = "40001"
const knownCodes = new Set([askAgainCode, "40P01"])
/** What is wrong with a statement itself: its values, what it would break, its text or the right to it. */
const forGood = /^(22|23|42)/

export type JobPool = {
  readonly pool: pg.Pool
  /** Waits for every connection to be back: whoever waits for one of a pool that ends waits in vain. */
  end(): Promise<void>
}

/**
 * A pool for graphile-worker. That takes for granted that the end of a job is recorded: where the database fails it just then, the rejection is nobody's and ends the process. So who awaits a
 * connection waits until there is one, which one of them finds out for all, and a question that the database did not answer is rejected with a code after which it is asked again: a hundred times,
 * some seven minutes, if it lets us in and refuses every time. A job's end that is still to be recorded when the pool ends is dropped, as if the process had died.
 * @throws where the database cannot be reached now, or does not let us in
 */
export async function createJobPool(options: PoolOptions, logger: Logger): Promise<JobPool> {
  const pool = createPool(options)
  try {
    await pool.query("SELECT")
  } catch (error) {
    await pool.end()
    throw error
  }
  const connect = pool.connect.bind(pool)
  let back: Promise<void> | undefined

  async function untilBack(reason: unknown): Promise<void> {
    logger.warn({ reason: describeError(reason) }, "the job queue waits for a connection to its database")
    for (let pauseMs = pauseMsMin; !pool.ending; pauseMs = Math.min(2 * pauseMs, pauseMsMax)) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      try {
        const client = await connect()
        client.release()
        return
      } catch {
        // Not yet.
      }
    }
  }

  async function connectAtLast(): Promise<pg.PoolClient> {
    for (;;) {
      await back
      if (pool.ending) return new Promise(() => undefined)
      try {
        return askingAgain(await connect())
      } catch (error) {
        back ??= untilBack(error).finally(() => {
          back = undefined
        })
      }
    }
  }
  // Its listener has a callback. Told of a failure it would ask again after up to a minute, and hear of no job until then.
  pool.connect = ((callback?: (error: undefined, client: pg.PoolClient, release: () => void) => void) => {
    const connected = connectAtLast()
    if (callback === undefined) return connected
    // As it is now: pg gives the client another one when somebody else has it.
    void connected.then((client) => callback(undefined, client, client.release))
    return undefined
  }) as typeof pool.connect
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
  const isForGood = error instanceof pg.DatabaseError && forGood.test(code ?? "")
  if (isForGood || (code !== undefined && knownCodes.has(code))) throw error
  throw Object.assign(new Error(error.message, { cause: error }), { code: askAgainCode })
}

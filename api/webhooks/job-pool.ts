import type pg from "pg"
import { createPool, isTransientPostgresError, type PoolOptions } from "../../platform/postgres.ts"

/** Of the codes after which graphile-worker asks again, the one whose pause fits: the server takes no connections now. */
const askAgainCode = "57P03"

type Asking = (...values: never[]) => unknown

/**
 * A pool for graphile-worker. That takes for granted that the end of a job is recorded: where the database fails it just then, the rejection is nobody's and ends the process. After a few errors,
 * which it knows by their codes, it does ask again; what passes as they do is given such a code. A job's end that is still asked for when the pool ends is dropped, as if the process had died.
 */
export function createJobPool(options: PoolOptions): pg.Pool {
  const pool = createPool(options)
  pool.on("connect", (client) => {
    client.query = askingAgain(client.query.bind(client)) as typeof client.query
  })
  const connect = askingAgain(pool.connect.bind(pool))
  pool.connect = ((...values: never[]) =>
    pool.ending && values.length === 0
      ? new Promise(() => undefined)
      : connect(...values)) as typeof connect & typeof pool.connect
  return pool
}

/** Of what takes a callback or returns a promise: nobody asks again for a callback. */
function askingAgain(ask: Asking): Asking {
  return (...values) => {
    const answer = ask(...values)
    return answer instanceof Promise ? answer.catch(rejectKnown) : answer
  }
}

function rejectKnown(error: unknown): never {
  if (!isTransientPostgresError(error)) throw error
  const { message } = error as Error
  throw Object.assign(new Error(message, { cause: error }), { code: askAgainCode })
}

/** Ends when every connection is back: whoever waits for one of a pool that ends waits in vain. */
export async function endJobPool(pool: pg.Pool): Promise<void> {
  while (pool.waitingCount > 0 || pool.idleCount < pool.totalCount)
    await new Promise((resolve) => setTimeout(resolve, 20))
  await pool.end()
}

import type pg from "pg"
import { ChainBridgeError } from "../../platform/errors.ts"
import type { CopyStatement } from "../store/copy-statement.ts"
import type { Statement } from "../store/statement.ts"
import { copyRows } from "./copy-rows.ts"

/** A transaction in two round trips, or in one where nothing is read: all that is read goes out at once, and all that is written with its COMMIT. */
export type PipelinedTransaction = {
  /**
   * Begins and sends every statement without waiting in between. The server runs them one after the other, each with a snapshot of its own, so that what
   * follows a lock sees what was committed while the lock was waited for.
   */
  begin(statements: readonly Statement[]): Promise<pg.QueryResult[]>
  /** Asks for more, in one round trip. */
  read(statements: readonly Statement[]): Promise<pg.QueryResult[]>
  /**
   * Sends the statements, each when it is asked for, and COMMIT; before them BEGIN, where nothing has begun. One that fails takes the commit with it.
   * @param onSent called when all of it is on its way
   */
  commit(statements: Iterable<Statement | CopyStatement>, onSent?: () => void): Promise<void>
  /** Ends it where nothing was written. */
  abandon(): Promise<void>
}

/**
 * Runs `work` in a transaction on a connection of its own. One whose end nobody has told is rolled back by closing its connection.
 * @throws what the first statement that failed threw; after a fault of the connection during `commit` the outcome is unknown
 */
export async function inPipelinedTransaction<Result>(
  pool: pg.Pool,
  work: (transaction: PipelinedTransaction) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect()
  let isBegun = false
  let isOver = true
  // Said here and not left to the server's default: under a stricter level every statement would have the first one's snapshot.
  const sendBegin = (): Promise<pg.QueryResult>[] => {
    if (isBegun) return []
    isBegun = true
    isOver = false
    return [client.query("BEGIN ISOLATION LEVEL READ COMMITTED")]
  }
  const send = (statement: Statement | CopyStatement): Promise<pg.QueryResult> => {
    if ("rows" in statement) return copyRows(client, statement)
    const { name, text, values } = statement
    return client.query({ name, text, values: [...values] })
  }
  try {
    return await work({
      async begin(statements) {
        const [, ...results] = await allAnswered([...sendBegin(), ...statements.map(send)])
        return results
      },
      read: (statements) => allAnswered(statements.map(send)),
      async commit(statements, onSent) {
        const sent = sendBegin()
        try {
          for (const statement of statements) sent.push(send(statement))
        } catch (error) {
          // The connection is closed, with all that is under way on it.
          for (const result of sent) result.catch(() => undefined)
          throw error
        }
        const committed = client.query("COMMIT").then((end) => {
          // It is, whether it ended in a commit or, after a statement that failed, in a rollback.
          isOver = true
          return end
        })
        onSent?.()
        const results = await allAnswered([...sent, committed])
        // The server ends a transaction that has failed with ROLLBACK, whatever it was asked for.
        if (results.at(-1)?.command !== "COMMIT")
          throw new ChainBridgeError(
            "INVARIANT_VIOLATED",
            "a transaction ended in a rollback without an error",
          )
      },
      async abandon() {
        if (isBegun) await client.query("ROLLBACK")
        isOver = true
      },
    })
  } finally {
    client.release(!isOver)
  }
}

/** Waits for every answer, so that nothing is under way any more when the first failure is thrown. */
async function allAnswered(sent: readonly Promise<pg.QueryResult>[]): Promise<pg.QueryResult[]> {
  const answers = await Promise.allSettled(sent)
  return answers.map((answer) => {
    if (answer.status === "rejected") throw answer.reason
    return answer.value
  })
}

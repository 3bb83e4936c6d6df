import type pg from "pg"
import { ChainBridgeError } from "../../platform/errors.ts"
import type { CopyStatement } from "../store/copy-statement.ts"
import type { Statement } from "../store/statement.ts"
import { copyRows } from "./copy-rows.ts"

/** A transaction in two round trips: all that is read goes out at once, and all that is written with its COMMIT. */
export type PipelinedTransaction = {
  /**
   * Begins and sends every statement without waiting in between. The server runs them one after the other, each with a snapshot of its own, so that what
   * follows a lock sees what was committed while the lock was waited for.
   */
  begin(statements: readonly Statement[]): Promise<pg.QueryResult[]>
  /** Asks for more, in one round trip. */
  read(statements: readonly Statement[]): Promise<pg.QueryResult[]>
  /**
   * Sends the statements, each when it is asked for, and COMMIT. One that fails takes the commit with it.
   * @param onSent called when all of it is on its way
   */
  commit(statements: Iterable<Statement | CopyStatement>, onSent?: () => void): Promise<void>
}

/**
 * Runs `work` in a transaction on a connection of its own. One that did not end by `commit` is rolled back by closing its connection.
 * @throws what the first statement that failed threw; after a fault of the connection during `commit` the outcome is unknown
 */
export async function inPipelinedTransaction<Result>(
  pool: pg.Pool,
  work: (transaction: PipelinedTransaction) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect()
  let isCommitted = false
  const send = (statement: Statement | CopyStatement): Promise<pg.QueryResult> => {
    if ("rows" in statement) return copyRows(client, statement)
    const { name, text, values } = statement
    return client.query({ name, text, values: [...values] })
  }
  try {
    return await work({
      async begin(statements) {
        // Said here and not left to the server's default: under a stricter level every statement would have the first one's snapshot.
        const begun = client.query("BEGIN ISOLATION LEVEL READ COMMITTED")
        const [, ...results] = await allAnswered([begun, ...statements.map(send)])
        return results
      },
      read: (statements) => allAnswered(statements.map(send)),
      async commit(statements, onSent) {
        const sent: Promise<pg.QueryResult>[] = []
        try {
          for (const statement of statements) sent.push(send(statement))
        } catch (error) {
          // The connection is closed, with all that is under way on it.
          for (const result of sent) result.catch(() => undefined)
          throw error
        }
        sent.push(client.query("COMMIT"))
        onSent?.()
        const results = await allAnswered(sent)
        // The server ends a transaction that has failed with ROLLBACK, whatever it was asked for.
        if (results.at(-1)?.command !== "COMMIT")
          throw new ChainBridgeError(
            "INVARIANT_VIOLATED",
            "a transaction ended in a rollback without an error",
          )
        isCommitted = true
      },
    })
  } finally {
    client.release(!isCommitted)
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

import pg from "pg"
import type { CopyStatement } from "../store/copy-statement.ts"

// What pg's connection can do and its types leave out.
type CopyConnection = pg.Connection & {
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/**
 * A COPY that sends its rows right behind itself and does not wait to be asked for them: a server that has refused the statement passes over them. So it can stand in a
 * pipeline like any other query.
 */
class CopyQuery extends pg.Query {
  readonly #statement: CopyStatement
  isSent = false

  constructor(
    statement: CopyStatement,
    answered: (error: Error | undefined, result: pg.ResultBuilder) => void,
  ) {
    super(statement.text, answered)
    this.#statement = statement
  }

  override submit = (connection: pg.Connection): null => {
    this.isSent = true
    const copying = connection as CopyConnection
    const { stream } = copying
    stream.cork()
    copying.query(this.#statement.text)
    try {
      for (const rows of this.#statement.rows) {
        copying.sendCopyFromChunk(rows)
        // On its way now: the server works on it while the next one is made.
        stream.uncork()
        stream.cork()
      }
    } catch (error) {
      // The server would wait for the rest, with the locks of its transaction; and what is corked is never sent, a goodbye neither.
      stream.destroy()
      throw error
    }
    copying.endCopyFrom()
    stream.uncork()
    return null
  }

  handleCopyInResponse(): void {
    // The rows are on their way already.
  }
}

/**
 * Rejects when the server refuses the statement or one of its rows.
 * @throws where the connection is gone, and the rows were not taken; and what making a row throws: the connection is ended, and its transaction with it
 */
export function copyRows(client: pg.ClientBase, statement: CopyStatement): Promise<pg.QueryResult> {
  const { promise, resolve, reject } = Promise.withResolvers<pg.QueryResult>()
  const query = new CopyQuery(statement, (error, result) => {
    if (error == null) resolve(result)
    else reject(error)
  })
  // Where we throw there is nobody to await it.
  promise.catch(() => undefined)
  client.query(query)
  if (!query.isSent) throw new Error("Connection terminated before the rows were sent")
  return promise
}

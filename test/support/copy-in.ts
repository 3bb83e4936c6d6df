import type pg from "pg"
import type { Connection, Submittable } from "pg"

export type CopyIn = {
  /** Sends rows in PostgreSQL's text format; resolves when the socket has room for more. */
  write(rows: Buffer): Promise<void>
  /** Resolves when the server has stored everything. */
  end(): Promise<void>
}

// What pg's connection can do and its types leave out.
type CopyConnection = Connection & {
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/** Runs `COPY … FROM STDIN` on a client. Nothing else may be asked of the client before the end. @param text the statement, in text format */
export async function copyIn(client: pg.ClientBase, text: string): Promise<CopyIn> {
  const started = Promise.withResolvers<CopyConnection>()
  const ended = Promise.withResolvers<void>()
  ended.promise.catch(() => undefined)
  const query = {
    submit: (connection: Connection) => connection.query(text),
    handleCopyInResponse: (connection: CopyConnection) => started.resolve(connection),
    handleError(error: Error) {
      started.reject(error)
      ended.reject(error)
    },
    handleCommandComplete: () => undefined,
    handleReadyForQuery: () => ended.resolve(),
  } satisfies Submittable & Record<string, unknown>
  client.query(query)
  const connection = await started.promise
  return {
    async write(rows) {
      connection.sendCopyFromChunk(rows)
      if (!connection.stream.writableNeedDrain) return
      const drained = Promise.withResolvers<void>()
      connection.stream.once("drain", drained.resolve)
      // A server that refuses the rows stops reading them.
      await Promise.race([drained.promise, ended.promise])
    },
    end() {
      connection.endCopyFrom()
      return ended.promise
    },
  }
}

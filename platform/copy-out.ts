import type pg from "pg"

/** Called with the bytes of one row: they are only lent, and may be overwritten. */
export type OnCopiedRow = (row: Buffer) => void

/**
 * Runs `COPY … TO STDOUT` on a client that does nothing else meanwhile, and hands each row over as it arrives: no array of rows, no object for each, no parsing of its columns.
 * In binary format a row is a 16-bit count of fields, then for each its 32-bit length, -1 for NULL, and its bytes.
 * @param text the statement, in binary format
 */
export function copyOut(client: pg.ClientBase, text: string, onRow: OnCopiedRow): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let isFirst = true
  let failure: unknown
  const query = {
    submit: (connection: { query(text: string): void }) => connection.query(text),
    handleCopyData({ chunk }: { readonly chunk: Buffer }) {
      if (failure !== undefined) return
      // The header comes in one message with the first row, or with the trailer.
      const row = isFirst ? chunk.subarray(headerBytes(chunk)) : chunk
      isFirst = false
      if (row.length === 2) return
      try {
        onRow(row)
      } catch (error) {
        failure = error
      }
    },
    handleError: reject,
    handleCommandComplete: () => undefined,
    handleReadyForQuery: () => (failure === undefined ? resolve() : reject(failure)),
  }
  client.query(query)
  return promise
}

const signature = Buffer.from("PGCOPY\n\xff\r\n\0", "latin1")

/** Signature, flags, and an extension of a stated length. */
function headerBytes(chunk: Buffer): number {
  if (chunk.compare(signature, 0, signature.length, 0, signature.length) !== 0)
    throw new TypeError("the server does not copy in binary format")
  return signature.length + 8 + chunk.readInt32BE(signature.length + 4)
}

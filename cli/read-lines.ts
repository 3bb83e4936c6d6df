import { createReadStream } from "node:fs"
import { ChainBridgeError } from "../platform/errors.ts"

export type FileLine = {
  /** Without its end. */
  readonly bytes: Buffer
  /** From 1 on. */
  readonly number: number
  /** Whether a newline ends it; only the last line of a file may lack it. */
  readonly isEnded: boolean
  /** Where in the file it ends. */
  readonly offset: number
}

const chunkBytes = 1 << 20
/** No line of ours comes near; a file without newlines must not fill the memory. */
const lineBytesMax = 64 << 20

/**
 * The lines of a file as bytes, one chunk in memory at a time.
 * @throws ChainBridgeError LINE_TOO_LONG; and what the file system says
 */
export async function* readLines(path: string): AsyncGenerator<FileLine> {
  let rest: Buffer = Buffer.alloc(0)
  let number = 0
  let offset = 0
  for await (const chunk of createReadStream(path, { highWaterMark: chunkBytes })) {
    let bytes = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer])
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10)) {
      number += 1
      offset += end + 1
      yield { bytes: bytes.subarray(0, end), number, isEnded: true, offset }
      bytes = bytes.subarray(end + 1)
    }
    rest = bytes
    if (rest.length > lineBytesMax)
      throw new ChainBridgeError("LINE_TOO_LONG", `line ${number + 1} of ${path} has more than 64 MiB`)
  }
  if (rest.length > 0) yield { bytes: rest, number: number + 1, isEnded: false, offset: offset + rest.length }
}

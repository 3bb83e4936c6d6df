import { write, writeSync } from "node:fs"

/** A write for every line would be one of the larger parts of a request. */
const writtenAtOnce = 4_096
const waitMs = 100
/** More characters than these are not kept of what cannot be written. */
const keptMax = 1_048_576
const busy = new Set(["EAGAIN", "EBUSY"])
const busyTriesMax = 50
const busyMs = 10

export type LogOutput = {
  write(line: string): void
  /** Writes what waits, unless that cannot be written. */
  flushSync(): void
}

/**
 * Where a log goes. What cannot be written, such as to a file on a disk that is full, is kept for a while, then lost and counted, and keeps nobody from working, nor the process from ending. (Pino's own
 * destination ends the process in the one case, and in the other tries for ever.)
 */
export function createLogOutput(fd: number): LogOutput {
  let waiting: string[] = []
  let length = 0
  let lost = 0
  let rest: Buffer | undefined
  let isWriting = false
  let isFailing = false
  let isWaiting = false

  function take(): Buffer {
    const bytes = Buffer.from(waiting.join(""))
    waiting = []
    length = 0
    return bytes
  }

  function wait(): void {
    if (isWaiting) return
    isWaiting = true
    setTimeout(() => {
      isWaiting = false
      begin()
    }, waitMs).unref()
  }

  function begin(): void {
    if (isWriting || (rest === undefined && length === 0)) return
    const bytes = rest ?? take()
    isWriting = true
    write(fd, bytes, (error, written) => {
      isWriting = false
      isFailing = error !== null
      rest = isFailing ? bytes : bytes.subarray(written)
      if (isFailing) return wait()
      if (rest.length === 0) rest = undefined
      if (rest === undefined && lost > 0) tellLost()
      if (rest !== undefined || length >= writtenAtOnce) begin()
      else if (length > 0) wait()
    })
  }

  function tellLost(): void {
    const msg = "lines of this log are lost: for a while they could not be written"
    const line = JSON.stringify({ level: 40, time: Date.now(), pid: process.pid, lines: lost, msg })
    lost = 0
    push(`${line}\n`)
  }

  function push(line: string): void {
    if (length + line.length > keptMax) {
      lost += 1
      return
    }
    waiting.push(line)
    length += line.length
    if (length >= writtenAtOnce && !isFailing) begin()
    else wait()
  }

  function flushSync(): void {
    // What is under way is with the operating system.
    let bytes = isWriting || rest === undefined ? take() : Buffer.concat([rest, take()])
    rest = isWriting ? rest : undefined
    for (let tries = 0; bytes.length > 0 && tries < busyTriesMax; ) {
      try {
        bytes = bytes.subarray(writeSync(fd, bytes))
      } catch (error) {
        if (!busy.has(String((error as NodeJS.ErrnoException).code))) return
        tries += 1
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, busyMs)
      }
    }
  }

  process.on("exit", flushSync)
  return { write: push, flushSync }
}

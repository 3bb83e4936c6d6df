import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs"

const BYTES_MAX = 64 * 1024

/** The last lines of a program's log, on one line, for an error message. */
export function readLogTail(logFile: string, lines = 3): string {
  const text = existsSync(logFile) ? readEnd(logFile).trim() : ""
  if (text === "") return `nothing in ${logFile}`
  return `${text.split("\n").slice(-lines).join(" | ")} (${logFile})`
}

/** A log may be larger than the memory of the one who reads it. */
function readEnd(path: string): string {
  const file = openSync(path, "r")
  try {
    const { size } = fstatSync(file)
    const bytes = Buffer.alloc(Math.min(size, BYTES_MAX))
    return bytes.toString("utf8", 0, readSync(file, bytes, 0, bytes.length, size - bytes.length))
  } finally {
    closeSync(file)
  }
}

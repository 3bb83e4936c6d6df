import { existsSync, readFileSync } from "node:fs"

/** The last lines of a program's log, on one line, for an error message. */
export function readLogTail(logFile: string, lines = 3): string {
  if (!existsSync(logFile)) return `nothing in ${logFile}`
  const text = readFileSync(logFile, "utf8").trim()
  if (text === "") return `nothing in ${logFile}`
  return `${text.split("\n").slice(-lines).join(" | ")} (${logFile})`
}

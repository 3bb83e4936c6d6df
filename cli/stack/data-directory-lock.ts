import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ChainBridgeError } from "../../platform/errors.ts"
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts"

export type DataDirectoryLock = { release(): void }

/**
 * Takes a data directory for this process. A lock whose process is gone is taken over.
 * @throws ChainBridgeError DATA_DIR_IN_USE
 */
export function lockDataDirectory(directory: string): DataDirectoryLock {
  const path = join(directory, "lock")
  const own = `${path}.${process.pid}`
  const identity = identifyProcess(process.pid) ?? { pid: process.pid, started: "" }
  writeFileSync(own, JSON.stringify(identity), { mode: 0o600 })
  try {
    // A link appears with its content or not at all, and only one of two contenders gets it.
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        linkSync(own, path)
        return { release: () => rmSync(path, { force: true }) }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error
      }
      removeStale(path, `${own}.stale`, directory)
    }
    throw inUse(directory, undefined)
  } finally {
    rmSync(own, { force: true })
  }
}

function removeStale(path: string, aside: string, directory: string): void {
  const text = readIfThere(path)
  if (text === undefined) return
  const holder = parse(text)
  if (holder !== undefined && isRunning(holder)) throw inUse(directory, holder.pid)
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  // Between reading and moving, another contender may have put its own lock there: give that back.
  if (readIfThere(aside) !== text) renameSync(aside, path)
  else rmSync(aside, { force: true })
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

function parse(text: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(text) as ProcessIdentity
  } catch {
    return undefined
  }
}

function inUse(directory: string, pid: number | undefined): ChainBridgeError {
  const holder = pid === undefined ? "another start" : `process ${pid}`
  return new ChainBridgeError(
    "DATA_DIR_IN_USE",
    `${directory} is in use by ${holder}: stop that one first, or choose another directory with --data-dir`,
  )
}

import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { ChainBridgeError } from "../../platform/errors.ts"
import { identifyProcess, isRunning, type ProcessIdentity } from "./process-identity.ts"
import { writeDurably } from "./write-durably.ts"

/** Every process of a stack, by name, so that the next start on the directory knows whom to wait for. */
export type ProcessList = {
  add(name: string, pid: number): void
  pids(): Record<string, number>
  /** SIGKILL to those of the named ones that still are the processes they were when they were added. */
  killNow(names: readonly string[]): void
}

const FILE = "processes.json"
const LEAVE_ALONE_MS = 10_000
const GONE_AFTER_MS = 5_000

export function openProcessList(directory: string, onChange: () => void): ProcessList {
  const known: Record<string, ProcessIdentity> = {}
  return {
    add(name, pid) {
      const identity = identifyProcess(pid)
      if (identity === undefined) return
      known[name] = identity
      writeDurably(join(directory, FILE), `${JSON.stringify(known, null, 2)}\n`)
      onChange()
    },
    pids: () => Object.fromEntries(Object.entries(known).map(([name, { pid }]) => [name, pid])),
    killNow(names) {
      for (const name of names) {
        const identity = known[name]
        if (identity !== undefined && isRunning(identity)) process.kill(identity.pid, "SIGKILL")
      }
    },
  }
}

/**
 * After a kill -9 the processes of the last start are stopping by themselves: wait for that, ask those that nobody
 * asks any more, and insist in the end. The local chain saves itself when it is asked.
 */
export async function awaitLeftovers(
  directory: string,
  except: readonly string[] = [],
  leaveAloneMs = LEAVE_ALONE_MS,
): Promise<number> {
  const path = join(directory, FILE)
  if (!existsSync(path)) return 0
  let list: ProcessIdentity[]
  try {
    const known = JSON.parse(readFileSync(path, "utf8")) as Record<string, ProcessIdentity>
    list = Object.entries(known).flatMap(([name, identity]) => (except.includes(name) ? [] : [identity]))
  } catch {
    return 0
  }
  const running = () => list.filter(isRunning)
  const count = running().length
  for (const [signal, waitMs] of [
    [undefined, leaveAloneMs],
    ["SIGINT", GONE_AFTER_MS],
    ["SIGKILL", GONE_AFTER_MS],
  ] as const) {
    if (signal !== undefined) for (const { pid } of running()) process.kill(pid, signal)
    for (const deadline = Date.now() + waitMs; running().length > 0 && Date.now() < deadline; )
      await sleep(50)
    if (running().length === 0) return count
  }
  const pids = running().map(({ pid }) => pid)
  throw new ChainBridgeError(
    "DATA_DIR_IN_USE",
    `processes ${pids.join(", ")} of the last start cannot be stopped`,
  )
}

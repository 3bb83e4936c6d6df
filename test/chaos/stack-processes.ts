import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { identifyProcess, isRunning, type ProcessIdentity } from "../../cli/stack/process-identity.ts"

/** A process of a stack, however it came to be one. */
export type StackProcess = ProcessIdentity & { readonly name: string }

const goneAfterMs = 15_000

/**
 * SIGKILL for every process of a stack in the same moment, then for whatever they had just started, until none is left.
 * @param known pids by name, as stack.json has them
 * @returns the processes that were killed
 * @throws Error when some cannot be got rid of
 */
export async function killStack(
  startPid: number,
  dataDirectory: string,
  known: Readonly<Record<string, number>>,
): Promise<StackProcess[]> {
  const killed = new Map<string, StackProcess>()
  for (const deadline = Date.now() + goneAfterMs; ; ) {
    for (const process of findProcesses(startPid, dataDirectory, known))
      killed.set(`${process.pid} ${process.started}`, process)
    const alive = [...killed.values()].filter(isRunning)
    if (alive.length === 0) return [...killed.values()]
    if (Date.now() > deadline)
      throw new Error(
        `still running after SIGKILL: ${alive.map(({ name, pid }) => `${name} ${pid}`).join(", ")}`,
      )
    for (const { pid } of alive) killHard(pid)
    await sleep(20)
  }
}

/** The descendants of `start`, those that stack.json names, and whoever works in the data directory or was started with it. */
function findProcesses(
  startPid: number,
  dataDirectory: string,
  known: Readonly<Record<string, number>>,
): StackProcess[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync("/proc"))
    if (/^\d+$/.test(name)) parents.set(Number(name), parentOf(Number(name)))
  const belongs = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at))
      if (at === startPid) return true
    return worksIn(pid, dataDirectory)
  }
  const names = new Map(Object.entries(known).map(([name, pid]) => [pid, name]))
  return [...parents.keys()].flatMap((pid) => {
    if (pid === process.pid || !belongs(pid)) return []
    const identity = identifyProcess(pid)
    return identity === undefined ? [] : [{ ...identity, name: names.get(pid) ?? programOf(pid) }]
  })
}

function parentOf(pid: number): number {
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, "")
    .split(" ")
  return Number(fields[1] ?? 0)
}

function worksIn(pid: number, directory: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`).startsWith(directory)) return true
  } catch {
    return false
  }
  return read(`/proc/${pid}/cmdline`)
    .split("\0")
    .some((word) => word === directory || word.startsWith(`${directory}/`))
}

function programOf(pid: number): string {
  return read(`/proc/${pid}/cmdline`).split("\0", 1)[0]?.split("/").at(-1) ?? "unknown"
}

/** Empty for a process that ended in between. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

function killHard(pid: number): void {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // Gone already, which is what was wanted.
  }
}

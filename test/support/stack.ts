import { type ChildProcess, spawn } from "node:child_process"
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import type { StackFile } from "../../cli/stack/stack-file.ts"

const main = join(import.meta.dirname, "..", "..", "cli", "main.ts")

export type StackLine = Readonly<Record<string, unknown>>

export type StartedStack = {
  readonly child: ChildProcess
  /** Every line that `start --json` has printed so far. */
  readonly lines: readonly StackLine[]
  /** Resolves with stack.json's content at the ready line; rejects when the process ends before. */
  readonly ready: Promise<StackFile>
  /** How the process ended: its exit code, or the signal. */
  readonly ended: Promise<number | NodeJS.Signals>
  stderr(): string
}

/** Runs `chainbridge start --json` as users do, as a process of its own. */
export function startStack(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  program: string = main,
): StartedStack {
  const { DATABASE_URL, CHAINBRIDGE_RPC_URL, ...inherited } = process.env
  const child = spawn(process.execPath, [program, "start", "--json", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...inherited, ...environment },
  })
  const lines: StackLine[] = []
  let stderr = ""
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once("close", (code, signal) => resolve(signal ?? code ?? -1))
    // What it left running may hold its stderr open for ever: that is for the test to find, not to wait for.
    child.once("exit", (code, signal) => setTimeout(() => resolve(signal ?? code ?? -1), 2_000).unref())
  })
  const ready = new Promise<StackFile>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (text) => {
      const line = JSON.parse(text) as StackLine
      lines.push(line)
      if (line["ready"] === true) resolve(line as unknown as StackFile)
    })
    void ended.then((how) => reject(new Error(`start ended with ${how} before it was ready: ${stderr}`)))
  })
  // Who only wants to know how it ended need not wait for this one.
  ready.catch(() => undefined)
  return { child, lines, ready, ended, stderr: () => stderr }
}

/** Stops a stack and waits for its end, for `finally`. */
export async function endStack(stack: StartedStack): Promise<void> {
  if (stack.child.exitCode === null && stack.child.signalCode === null) stack.child.kill("SIGTERM")
  await stack.ended
}

/** What still runs of a stack: its known processes, and whatever works in its data directory. */
function findProcesses(dataDirectory: string, pids: Readonly<Record<string, number>>): string[] {
  const known = new Map(Object.entries(pids).map(([name, pid]) => [pid, name]))
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const pid = Number(name)
      if (isGone(pid)) return []
      if (known.has(pid)) return [`${known.get(pid)} ${pid}`]
      return worksIn(pid, dataDirectory) ? [`${pid}`] : []
    })
}

/** Waits until nothing of a stack runs any more. @returns what still runs after the time, empty when all is gone */
export async function awaitNoProcesses(
  dataDirectory: string,
  pids: Readonly<Record<string, number>>,
  timeoutMs = 30_000,
): Promise<string[]> {
  for (const deadline = Date.now() + timeoutMs; ; ) {
    const left = findProcesses(dataDirectory, pids)
    if (left.length === 0 || Date.now() > deadline) return left
    await sleep(100)
  }
}

function isGone(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .startsWith("Z")
  } catch {
    return true
  }
}

function worksIn(pid: number, directory: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(directory)
  } catch {
    return false
  }
}

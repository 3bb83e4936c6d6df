import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { readStackFile, type StackFile } from "../../cli/stack/stack-file.ts"
import { type Backend, createBackend } from "./backend.ts"
import { endStack, type StartedStack, startStack } from "./stack.ts"
import { waitUntil } from "./wait-until.ts"

export type StackProcess = "api" | "worker" | "batcher" | "indexer" | "postgres" | "anvil" | "guard"

/** A running stack, a backend that uses it, and ways to hurt it. */
export type FaultStack = {
  readonly backend: Backend
  stack(): StackFile
  /** Ends a process of the stack without a word. @returns its pid, which is nobody's from now on */
  kill(name: StackProcess, signal?: NodeJS.Signals): number
  /** The same with one that may have ended by itself just now: then its successor. */
  killNext(name: StackProcess): Promise<number>
  /** Waits until the stack has started another process in its place. */
  isBack(name: StackProcess, previousPid: number): Promise<void>
  /** Ends `start` and everything that it runs but the chain, all at once, and starts again on the same directory. */
  killEverythingButTheChain(): Promise<void>
  /** What `start` has said so far, for the message of a test that failed. */
  said(): string
  close(): Promise<void>
}

/** Runs `start` with what is shipped, in a directory of its own. */
export async function startFaultStack(
  options: {
    readonly args?: readonly string[]
    readonly environment?: Readonly<Record<string, string>>
    readonly program?: string
  } = {},
): Promise<FaultStack> {
  const parent = mkdtempSync(join(tmpdir(), "chainbridge-faults-"))
  const directory = join(parent, "data")
  const launch = () =>
    startStack(
      ["--port", "0", "--data-dir", directory, ...(options.args ?? [])],
      options.environment,
      options.program,
    )
  let started: StartedStack = launch()
  const end = async () => {
    await endStack(started)
    rmSync(parent, { recursive: true, force: true })
  }
  let stack: StackFile
  try {
    stack = await started.ready
  } catch (error) {
    await end()
    throw error
  }
  const backend = createBackend(stack)

  const pidOf = (name: string): number => readStackFile(directory)?.pids[name] ?? 0

  function kill(name: string, signal: NodeJS.Signals = "SIGKILL"): number {
    const pid = pidOf(name)
    if (pid === 0) throw new Error(`the stack has no process ${name}`)
    process.kill(pid, signal)
    return pid
  }

  /** @returns undefined where it has ended by itself, as the others do when `start` is gone */
  function killIfAlive(name: string): number | undefined {
    try {
      return kill(name)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ESRCH") return undefined
      throw error
    }
  }

  return {
    backend,
    stack: () => stack,
    kill,
    killNext: (name) =>
      waitUntil(async () => killIfAlive(name) ?? false, { what: `${name} was running`, timeoutMs: 30_000 }),
    async isBack(name, previousPid) {
      await waitUntil(async () => pidOf(name) !== previousPid, {
        what: `${name} was started again`,
        timeoutMs: 30_000,
      })
    },
    async killEverythingButTheChain() {
      const names = Object.keys(readStackFile(directory)?.pids ?? {})
      for (const name of names.filter((other) => other !== "anvil")) killIfAlive(name)
      await started.ended
      started = launch()
      stack = await started.ready
      backend.moveTo(stack)
    },
    said: () => started.lines.map((line) => JSON.stringify(line)).join("\n"),
    close: end,
  }
}

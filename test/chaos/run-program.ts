import { spawn } from "node:child_process"
import { join } from "node:path"

export type RunningProgram = {
  readonly ended: Promise<{ readonly code: number | NodeJS.Signals; readonly said: string }>
  kill(signal?: NodeJS.Signals): void
}

/** Runs a program of this folder as a process of its own. */
export function runProgram(
  name: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): RunningProgram {
  const child = spawn(process.execPath, [join(import.meta.dirname, name), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString()
    })
  }
  const ended = new Promise<{ code: number | NodeJS.Signals; said: string }>((resolve) => {
    child.once("close", (code, signal) => resolve({ code: signal ?? code ?? -1, said: said.trimEnd() }))
  })
  return { ended, kill: (signal = "SIGKILL") => child.kill(signal) }
}

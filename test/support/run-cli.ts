import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { inherited } from "./inherited.ts"

export type CliRun = {
  readonly child: ChildProcess
  readonly ended: Promise<{
    readonly code: number | NodeJS.Signals | null
    readonly stdout: string
    readonly stderr: string
  }>
}

/** Runs the program as a user does, in a process of its own that may be killed. */
export function runCli(args: readonly string[], env: Readonly<Record<string, string>>): CliRun {
  const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url))
  const child = spawn(process.execPath, [main, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...inherited, ...env },
  })
  const said = { stdout: "", stderr: "" }
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (chunk: Buffer) => {
      said[name] += chunk.toString()
    })
  }
  const ended: CliRun["ended"] = new Promise((resolve) => {
    child.once("close", (code, signal) => resolve({ code: signal ?? code, ...said }))
  })
  return { child, ended }
}

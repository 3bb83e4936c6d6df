/**
 * The process that owns the native children (PostgreSQL, anvil). It lives in its own session, so that a Ctrl-C meant
 * for `start` does not reach them, and is tied to `start` by an IPC channel: however `start` dies, the channel closes,
 * and the guard stops what it owns cleanly, newest first, and ends. Only node's own modules are imported: it has to be
 * up in a moment and to have nothing that can fail.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { closeSync, mkdirSync, openSync, rmSync } from "node:fs"
import { dirname } from "node:path"
import type { GuardAnswer, GuardRequest, NativeProgram } from "./guard-protocol.ts"

type Owned = { readonly program: NativeProgram; readonly child: ChildProcess; readonly gone: Promise<void> }

const owned = new Map<string, Owned>()
const removedAtEnd: string[] = []
// Where the system can tie a child to its parent's life, the children even survive the guard's own kill -9 cleanly.
const tie = ["--pdeathsig", "INT", "--"]
const canTie =
  process.platform === "linux" && spawnSync("setpriv", [...tie, "true"], { stdio: "ignore" }).status === 0
let isEnding = false

function answer(message: GuardAnswer): void {
  if (process.connected) process.send?.(message, () => undefined)
}

function run(program: NativeProgram): void {
  mkdirSync(dirname(program.logFile), { recursive: true })
  const log = openSync(program.logFile, "a", 0o600)
  const command = canTie ? "setpriv" : program.command
  const args = canTie ? [...tie, program.command, ...program.args] : program.args
  const child = spawn(command, args, {
    cwd: program.workingDirectory,
    env: program.environment,
    stdio: ["ignore", log, log],
    ...(program.identity === undefined ? {} : program.identity),
  })
  closeSync(log)
  const gone = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      answer({ kind: "failed", name: program.name, message: error.message })
      owned.delete(program.name)
      resolve()
    })
    child.once("exit", (code, signal) => {
      owned.delete(program.name)
      answer({ kind: "exited", name: program.name, code, signal })
      resolve()
    })
  })
  owned.set(program.name, { program, child, gone })
  if (child.pid !== undefined) answer({ kind: "started", name: program.name, pid: child.pid })
}

async function stop(name: string): Promise<void> {
  const entry = owned.get(name)
  if (entry === undefined) return
  entry.child.kill("SIGINT")
  const timer = setTimeout(() => entry.child.kill("SIGKILL"), entry.program.stopTimeoutMs)
  await entry.gone
  clearTimeout(timer)
}

async function end(): Promise<void> {
  if (isEnding) return
  isEnding = true
  for (const name of [...owned.keys()].reverse()) await stop(name)
  for (const path of removedAtEnd) rmSync(path, { recursive: true, force: true })
  process.exit(0)
}

process.on("message", (request: GuardRequest) => {
  if (request.kind === "run" && !isEnding) run(request.program)
  if (request.kind === "stop") void stop(request.name)
  if (request.kind === "removeAtEnd") removedAtEnd.push(request.path)
})
process.on("disconnect", () => void end())
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void end())
answer({ kind: "ready" })

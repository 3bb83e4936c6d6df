import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { readLogTail } from "../../../cli/stack/log-tail.ts"
import { inherited } from "../../support/inherited.ts"

/** How a life of a role ended: the signal, or its exit code. */
export type Ended = NodeJS.Signals | number

/** A role as it ships, kept alive as a supervisor would: whatever ends it, another process takes its place. */
export type RoleProcess = {
  readonly name: string
  /** Of the life that is being lived. */
  pid(): number
  /** Resolves when the present life, or the one after it, does its work. */
  ready(): Promise<void>
  /** How the present life ends. */
  ended(): Promise<Ended>
  /** @returns false where nobody is there to get it */
  signal(signal: NodeJS.Signals): boolean
  /** SIGTERM, and SIGKILL to who does not listen. Nobody takes its place. */
  stop(): Promise<void>
}

export type RoleProcessOptions = {
  readonly name: string
  /** File and arguments. */
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly logFile: string
  readonly note: (text: string) => void
}

const restartMs = 300
const readyTimeoutMs = 240_000
const stopTimeoutMs = 4_000

export function startRoleProcess(options: RoleProcessOptions): RoleProcess {
  let isStopping = false
  let life = live()
  void keepAlive()

  function live() {
    const log = openSync(options.logFile, "a", 0o600)
    const child: ChildProcess = spawn(process.execPath, [...options.command], {
      // Its end of the channel says that we are gone, and then it ends too.
      stdio: ["ignore", log, log, "ipc"],
      env: { ...inherited, ...options.environment },
    })
    closeSync(log)
    let isReady = false
    const ready = new Promise<void>((resolve) => {
      child.once("message", () => {
        isReady = true
        resolve()
      })
    })
    const ended = new Promise<Ended>((resolve) => {
      child.once("exit", (code, signal) => resolve(signal ?? code ?? -1))
      child.once("error", () => resolve(-1))
    })
    return { child, ready, isReady: () => isReady, ended }
  }

  async function keepAlive(): Promise<void> {
    for (;;) {
      const how = await life.ended
      if (isStopping) return
      options.note(`${options.name} ${life.child.pid} ended with ${how}`)
      await sleep(restartMs)
      if (isStopping) return
      life = live()
    }
  }

  return {
    name: options.name,
    pid: () => life.child.pid ?? 0,
    async ready() {
      for (const deadline = Date.now() + readyTimeoutMs; !life.isReady(); ) {
        if (isStopping || Date.now() > deadline)
          throw new Error(`${options.name} is not ready: ${readLogTail(options.logFile, 6)}`)
        await Promise.race([life.ready, sleep(200)])
      }
    },
    ended: () => life.ended,
    signal: (signal) => life.child.kill(signal),
    async stop() {
      isStopping = true
      const { child, ended } = life
      child.kill("SIGCONT")
      child.kill("SIGTERM")
      const timer = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs)
      await ended
      clearTimeout(timer)
    },
  }
}

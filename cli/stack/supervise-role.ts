import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { ChainBridgeError } from "../../platform/errors.ts"
import { readLogTail } from "./log-tail.ts"
import { isRoleReady, isRoleRestarting, type RoleReady } from "./role-message.ts"

const RESTARTS_MAX = 10
const HEALTHY_AFTER_MS = 60_000
const BACKOFF_MAX_MS = 10_000
const READY_TIMEOUT_MS = 120_000

export type RoleOptions = {
  readonly role: string
  /** Run with the role as its argument; our own program unless given. */
  readonly program?: string | undefined
  readonly logFile: string
  readonly environment: (previous: RoleReady["details"] | undefined) => Record<string, string | undefined>
  readonly onNote: (message: string) => void
  /** Told of every new process of the role. */
  readonly onPid: (pid: number) => void
  /** The role ended so often that starting it again is pointless. */
  readonly onGivenUp: (error: ChainBridgeError) => void
}

export type SupervisedRole = {
  /** What the role said when it first did its work. */
  readonly details: RoleReady["details"]
  /** SIGTERM, then SIGKILL after `timeoutMs`; resolves when the process is gone. */
  stop(timeoutMs: number): Promise<void>
}

/**
 * Runs `chainbridge <role>` as a child tied to us by its IPC channel, and starts it again when it ends unasked: after
 * 0.5 s, then ever later, at most ten times without a healthy minute in between.
 * @throws ChainBridgeError ROLE_FAILED when it ends before it was ready for the first time
 */
export async function superviseRole(options: RoleOptions): Promise<SupervisedRole> {
  let child: ChildProcess | undefined
  let details: RoleReady["details"] | undefined
  let isStopping = false
  let restarts = 0
  let plannedWhy: string | undefined

  function launch(): { ready: Promise<RoleReady["details"]>; gone: Promise<string> } {
    const log = openSync(options.logFile, "a", 0o600)
    const program = options.program ?? fileURLToPath(new URL("../main.ts", import.meta.url))
    // In a session of its own: a Ctrl-C is for `start`, which stops the roles in their order.
    const started = spawn(process.execPath, [program, options.role], {
      stdio: ["ignore", log, log, "ipc"],
      detached: true,
      env: options.environment(details),
    })
    closeSync(log)
    child = started
    if (started.pid !== undefined) options.onPid(started.pid)
    const gone = new Promise<string>((resolve) => {
      started.once("error", (error) => resolve(error.message))
      started.once("exit", (code, signal) => resolve(signal ?? `code ${code}`))
    })
    const ready = new Promise<RoleReady["details"]>((resolve) => {
      started.on("message", (message) => {
        if (isRoleReady(message)) resolve(message.details)
        if (isRoleRestarting(message)) plannedWhy = message.why
      })
    })
    return { ready, gone }
  }

  async function keepAlive(gone: Promise<string>): Promise<void> {
    for (let ended = gone; ; ) {
      const began = Date.now()
      const how = await ended
      if (isStopping) return
      if (plannedWhy !== undefined) {
        options.onNote(`${options.role} starts again: ${plannedWhy}`)
        plannedWhy = undefined
        ended = startAgain()
        continue
      }
      restarts = Date.now() - began > HEALTHY_AFTER_MS ? 1 : restarts + 1
      if (restarts > RESTARTS_MAX) {
        const tail = readLogTail(options.logFile)
        options.onGivenUp(
          new ChainBridgeError(
            "ROLE_FAILED",
            `${options.role} ended ${restarts} times, last with ${how}: ${tail}`,
          ),
        )
        return
      }
      const pauseMs = Math.min(500 * 2 ** (restarts - 1), BACKOFF_MAX_MS)
      options.onNote(
        `${options.role} ended (${how}), starting it again in ${pauseMs / 1_000} s: ${options.logFile}`,
      )
      await sleep(pauseMs)
      if (isStopping) return
      ended = startAgain()
    }
  }

  function startAgain(): Promise<string> {
    const next = launch()
    void next.ready.then(() => options.onNote(`${options.role} is back`))
    return next.gone
  }

  const first = launch()
  const failed = first.gone.then((how) => {
    throw new ChainBridgeError(
      "ROLE_FAILED",
      `${options.role} ended with ${how}: ${readLogTail(options.logFile)}`,
    )
  })
  const late = sleep(READY_TIMEOUT_MS, undefined, { ref: false }).then(() => {
    throw new ChainBridgeError("ROLE_FAILED", `${options.role} is not ready: ${readLogTail(options.logFile)}`)
  })
  late.catch(() => undefined)
  failed.catch(() => undefined)
  const stop = async (timeoutMs: number) => {
    isStopping = true
    const current = child
    if (current === undefined || current.exitCode !== null || current.signalCode !== null) return
    const gone = new Promise((resolve) => current.once("exit", resolve))
    current.kill("SIGTERM")
    const timer = setTimeout(() => current.kill("SIGKILL"), timeoutMs)
    await gone
    clearTimeout(timer)
  }
  try {
    details = await Promise.race([first.ready, failed, late])
  } catch (error) {
    await stop(2_000)
    throw error
  }
  keepAlive(first.gone).catch((cause: unknown) =>
    options.onGivenUp(
      new ChainBridgeError("ROLE_FAILED", `${options.role} cannot be started again`, { cause }),
    ),
  )
  return { details, stop }
}

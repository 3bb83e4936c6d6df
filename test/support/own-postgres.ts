import { randomBytes } from "node:crypto"
import { chmodSync, mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { readLogTail } from "../../cli/stack/log-tail.ts"
import { startPostgresCluster } from "../../cli/stack/postgres-cluster.ts"
import { startGuard } from "../../cli/stack/start-guard.ts"

/** A PostgreSQL of the test's own, to be hurt. */
export type OwnPostgres = {
  readonly adminUrl: string
  /** Ends it as a power cut would: no checkpoint, no word to its clients. */
  cutPower(): Promise<void>
  /** Ends one of its sessions with -9: the server drops all of them and recovers, without a new process. */
  killSession(pid: number): void
  /** Starts it again on its directory and port, unless it runs; resolves when it answers. */
  start(): Promise<void>
  isRunning(): boolean
  /** Stops every process of it where it stands. */
  pause(): void
  resume(): void
  logTail(): string
  close(): Promise<void>
}

/** @param options.parent where its directory is made: a file system that may become full */
export async function startOwnPostgres(options: { readonly parent?: string } = {}): Promise<OwnPostgres> {
  const parent = options.parent ?? mkdtempSync(join(tmpdir(), "chainbridge-own-"))
  if (options.parent === undefined) chmodSync(parent, 0o700)
  const logs = mkdtempSync(join(tmpdir(), "chainbridge-own-log-"))
  const guard = await startGuard()
  if (options.parent === undefined) guard.removeAtEnd(parent)
  guard.removeAtEnd(logs)
  const logFile = join(logs, "postgres.log")
  const settings = {
    guard,
    directory: join(parent, "postgres"),
    port: await findFreePort(),
    password: randomBytes(16).toString("hex"),
    logFile,
  }
  let gone = Promise.withResolvers<void>()
  let pid: number | undefined
  guard.onExit((name) => {
    if (name === "initdb") return
    pid = undefined
    gone.resolve()
  })
  async function start(): Promise<string> {
    gone = Promise.withResolvers<void>()
    const cluster = await startPostgresCluster(settings)
    pid = cluster.pid
    return cluster.adminUrl
  }
  const everyProcess = () => (pid === undefined ? [] : [pid, ...childrenOf(pid)])
  try {
    const adminUrl = await start()
    return {
      adminUrl,
      async cutPower() {
        if (pid !== undefined) process.kill(pid, "SIGQUIT")
        await gone.promise
      },
      killSession: (session) => process.kill(session, "SIGKILL"),
      async start() {
        if (pid === undefined) await start()
      },
      isRunning: () => pid !== undefined,
      pause() {
        for (const each of everyProcess()) process.kill(each, "SIGSTOP")
      },
      resume() {
        for (const each of everyProcess()) process.kill(each, "SIGCONT")
      },
      logTail: () => readLogTail(logFile, 12),
      close: () => guard.close(),
    }
  } catch (error) {
    await guard.close()
    throw error
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const fields = readFileSync(`/proc/${name}/stat`, "utf8")
          .replace(/^.*\) /s, "")
          .split(" ")
        return Number(fields[1]) === parent
      } catch {
        // It has ended meanwhile.
        return false
      }
    })
    .map(Number)
}

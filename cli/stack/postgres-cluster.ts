import { execFile } from "node:child_process"
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import pg from "pg"
import { ChainBridgeError, describeError } from "../../platform/errors.ts"
import { readLogTail } from "./log-tail.ts"
import { locatePostgres, type PostgresProgram } from "./postgres-program.ts"
import type { Guard } from "./start-guard.ts"

const OWNER = "chainbridge"
const READY_TIMEOUT_MS = 60_000

export type PostgresCluster = {
  /** The superuser's URL of the maintenance database `postgres`. */
  readonly adminUrl: string
  readonly pid: number
  readonly port: number
}

export type PostgresClusterOptions = {
  readonly guard: Guard
  /** The cluster's own directory; made by initdb when it is not there. */
  readonly directory: string
  readonly port: number
  readonly password: string
  readonly logFile: string
}

/** Runs a PostgreSQL on the loopback interface, making its cluster first where there is none. Durable: fsync stays on. */
export async function startPostgresCluster(options: PostgresClusterOptions): Promise<PostgresCluster> {
  const program = await locatePostgres()
  if (!existsSync(join(options.directory, "PG_VERSION"))) await initialise(program, options)
  forgetDeadServer(options.directory, options.guard.pid)
  let exited: string | undefined
  options.guard.onExit((name, how) => {
    if (name === "postgres" || name === "guard") exited ??= how
  })
  const pid = await options.guard.run({
    name: "postgres",
    command: program.postgres,
    args: [
      ...["-D", ownDirectory(program, options.directory), "-p", String(options.port)],
      ...["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
      ...["-c", "max_connections=200", "-c", "jit=off", "-c", "log_checkpoints=off"],
    ],
    workingDirectory: options.directory,
    environment: environment(),
    logFile: options.logFile,
    ...(program.identity === undefined ? {} : { identity: program.identity }),
    stopTimeoutMs: 8_000,
  })
  const adminUrl = `postgres://${OWNER}:${encodeURIComponent(options.password)}@127.0.0.1:${options.port}/postgres`
  await waitUntilReady(adminUrl, () => exited, options.logFile)
  return { adminUrl, pid, port: options.port }
}

/**
 * PostgreSQL takes any process of its user that has the pid in postmaster.pid for its predecessor: one that nobody has
 * reaped yet (init of a container may never do it), or a program that got the number later. Its parent's pid it takes for
 * nobody's. The rest of the file stays: by it the server sees whether sessions of the last one still live.
 */
function forgetDeadServer(directory: string, parentPid: number): void {
  const file = join(directory, "postmaster.pid")
  if (process.platform !== "linux" || !existsSync(file)) return
  const [pid = "", ...rest] = readFileSync(file, "utf8").split("\n")
  if (isPostgres(Number(pid))) return
  writeFileSync(file, [String(parentPid), ...rest].join("\n"))
}

function isPostgres(pid: number): boolean {
  try {
    const [, name, state] = /\((.*)\) (\w)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? []
    return name === "postgres" && state !== "Z"
  } catch {
    return false
  }
}

async function initialise(program: PostgresProgram, options: PostgresClusterOptions): Promise<void> {
  // Whatever an initdb that was cut short has left: a complete cluster has PG_VERSION, written near its end.
  rmSync(options.directory, { recursive: true, force: true })
  mkdirSync(options.directory, { recursive: true, mode: 0o700 })
  const passwords = mkdtempSync(join(tmpdir(), "chainbridge-initdb-"))
  const passwordFile = join(passwords, "password")
  try {
    writeFileSync(passwordFile, options.password, { mode: 0o600 })
    const { identity } = program
    if (identity !== undefined) {
      for (const path of [options.directory, passwords, passwordFile])
        chownSync(path, identity.uid, identity.gid)
    }
    await promisify(execFile)(
      program.initdb,
      [
        ...["-D", ownDirectory(program, options.directory), "--username", OWNER, "--pwfile", passwordFile],
        ...[
          "--auth=scram-sha-256",
          "--encoding=UTF8",
          "--locale-provider=builtin",
          "--builtin-locale=C.UTF-8",
        ],
        ...["--locale=C", "--data-checksums"],
      ],
      { cwd: options.directory, env: environment(), ...identity },
    )
  } catch (cause) {
    rmSync(options.directory, { recursive: true, force: true })
    const stderr = (cause as { stderr?: string }).stderr?.trim().split("\n").slice(-3).join(" ")
    throw new ChainBridgeError("POSTGRES_FAILED", `initdb failed: ${stderr ?? describeError(cause)}`, {
      cause,
    })
  } finally {
    rmSync(passwords, { recursive: true, force: true })
  }
}

/**
 * Another user than ourselves may own the cluster without being let into the directories above it (a checkout
 * below /root). Its working directory is the cluster, and stays so for every process of the server: this name of it
 * is the one that no directory above can bar.
 */
function ownDirectory(program: PostgresProgram, directory: string): string {
  return program.identity === undefined ? directory : "/proc/self/cwd"
}

function environment(): Record<string, string | undefined> {
  return { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" }
}

async function waitUntilReady(url: string, exited: () => string | undefined, logFile: string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
    client.on("error", () => undefined)
    try {
      await client.connect()
      await client.end()
      return
    } catch (cause) {
      await client.end().catch(() => undefined)
      const how = exited()
      if (how !== undefined || Date.now() > deadline) {
        const state = how === undefined ? "does not answer" : `ended with ${how}`
        throw new ChainBridgeError("POSTGRES_FAILED", `PostgreSQL ${state}: ${readLogTail(logFile)}`, {
          cause,
        })
      }
      await sleep(30)
    }
  }
}

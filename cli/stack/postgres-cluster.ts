import {
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import pg from "pg"
import { ChainBridgeError } from "../../platform/errors.ts"
import { readLogTail } from "./log-tail.ts"
import { locatePostgres, type PostgresProgram } from "./postgres-program.ts"
import type { Guard } from "./start-guard.ts"
import { syncDirectory } from "./write-durably.ts"

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
  // Said here, since PGSSLMODE of the shell would have everybody ask it for a connection that it does not offer.
  const adminUrl = `postgres://${OWNER}:${encodeURIComponent(options.password)}@127.0.0.1:${options.port}/postgres?sslmode=disable`
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

/**
 * Makes a cluster beside its place, and puts it there when it is complete and on disk: what an initdb that was killed has
 * left has a PG_VERSION too. Each attempt has a directory of its own, since one before it may not have ended yet.
 */
async function initialise(program: PostgresProgram, options: PostgresClusterOptions): Promise<void> {
  const { guard, logFile } = options
  // A link leads to another disk: that is where it is meant to be.
  const directory = existsSync(options.directory) ? realpathSync(options.directory) : options.directory
  if (existsSync(join(directory, "global", "pg_control"))) {
    throw new ChainBridgeError(
      "POSTGRES_FAILED",
      `${directory} was a cluster of PostgreSQL and has lost PG_VERSION: bring it back, or remove the directory with all that is in it`,
    )
  }
  removeDrafts(directory)
  const draft = mkdtempSync(`${directory}.new-`)
  const passwords = mkdtempSync(join(tmpdir(), "chainbridge-initdb-"))
  const passwordFile = join(passwords, "password")
  try {
    writeFileSync(passwordFile, options.password, { mode: 0o600 })
    const { identity } = program
    if (identity !== undefined) {
      for (const path of [draft, passwords, passwordFile]) chownSync(path, identity.uid, identity.gid)
    }
    const ended = new Promise<string>((resolve) =>
      guard.onExit((name, how) => {
        if (name === "initdb" || name === "guard") resolve(how)
      }),
    )
    await guard.run({
      name: "initdb",
      command: program.initdb,
      args: [
        ...["-D", ownDirectory(program, draft), "--username", OWNER, "--pwfile", passwordFile],
        ...[
          "--auth=scram-sha-256",
          "--encoding=UTF8",
          "--locale-provider=builtin",
          "--builtin-locale=C.UTF-8",
        ],
        ...["--locale=C", "--data-checksums"],
      ],
      workingDirectory: draft,
      environment: environment(),
      logFile,
      ...(identity === undefined ? {} : { identity }),
      stopTimeoutMs: 3_000,
    })
    const how = await ended
    if (how !== "code 0")
      throw new ChainBridgeError("POSTGRES_FAILED", `initdb ended with ${how}: ${readLogTail(logFile)}`)
    rmSync(directory, { recursive: true, force: true })
    renameSync(draft, directory)
    syncDirectory(dirname(directory))
  } finally {
    rmSync(passwords, { recursive: true, force: true })
    removeDrafts(directory)
  }
}

function removeDrafts(directory: string): void {
  const parent = dirname(directory)
  for (const name of readdirSync(parent)) {
    if (name.startsWith(`${basename(directory)}.new-`))
      rmSync(join(parent, name), { recursive: true, force: true, maxRetries: 20 })
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

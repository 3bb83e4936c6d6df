import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { type PostgresCluster, startPostgresCluster } from "../../cli/stack/postgres-cluster.ts"
import { locatePostgres } from "../../cli/stack/postgres-program.ts"
import { type Guard, startGuard } from "../../cli/stack/start-guard.ts"
import { waitUntil } from "../support/wait-until.ts"

let directory: string
let guard: Guard
const children: ChildProcess[] = []
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-cluster-"))
  guard = await startGuard()
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL")
  await guard.close()
  rmSync(directory, { recursive: true, force: true })
})

const start = async (): Promise<PostgresCluster> =>
  startPostgresCluster({
    guard,
    directory: join(directory, "postgres"),
    port: await findFreePort(),
    password: "secret",
    logFile: join(directory, "postgres.log"),
  })

/** Ends the server as a crash of everything does: its lock file stays behind. */
async function crash({ pid }: PostgresCluster): Promise<string> {
  const gone = new Promise<void>((resolve) => guard.onExit((name) => name === "postgres" && resolve()))
  process.kill(pid, "SIGKILL")
  await gone
  return join(directory, "postgres", "postmaster.pid")
}

/** Runs a shell as the server's user and answers the first number that it prints. */
async function pidFrom(script: string): Promise<number> {
  const { identity } = await locatePostgres()
  const child = spawn("/bin/sh", ["-c", script], {
    stdio: ["ignore", "pipe", "ignore"],
    cwd: "/",
    ...identity,
  })
  children.push(child)
  return new Promise((resolve) => child.stdout.once("data", (chunk: Buffer) => resolve(Number(chunk))))
}

const stateOf = (pid: number): string | undefined =>
  /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]

test.skipIf(process.platform !== "linux").each([
  ["a process that nobody has reaped", "sleep 0.3 & echo $!; exec sleep 60", "Z"],
  ["another program that got its number", "echo $$; exec sleep 60", "S"],
])("a server whose pid is now that of %s is known to be gone", async (_, script, state) => {
  const lockFile = await crash(await start())
  const pid = await pidFrom(script)
  await waitUntil(async () => stateOf(pid) === state, { what: `${pid} is ${state}` })
  const [, ...rest] = readFileSync(lockFile, "utf8").split("\n")
  writeFileSync(lockFile, [String(pid), ...rest].join("\n"))
  await start()
})

test("a server that runs keeps its directory", async () => {
  const { pid } = await start()
  const other = await startGuard()
  const second = startPostgresCluster({
    guard: other,
    directory: join(directory, "postgres"),
    port: await findFreePort(),
    password: "secret",
    logFile: join(directory, "second.log"),
  })
  await expect(second).rejects.toThrow(`Is another postmaster (PID ${pid}) running`)
  await other.close()
})

test("a first start that is killed while it makes the cluster leaves nothing that the next one takes for a cluster", async () => {
  const first = start()
  first.catch(() => undefined)
  const findDraft = () => readdirSync(directory).find((name) => name.startsWith("postgres.new-"))
  await waitUntil(async () => existsSync(join(directory, findDraft() ?? "none", "PG_VERSION")), {
    what: "initdb is under way",
  })
  process.kill(guard.pid, "SIGKILL")
  await expect(first).rejects.toThrow()
  expect(existsSync(join(directory, "postgres"))).toBe(false)
  guard = await startGuard()
  await start()
  expect(findDraft()).toBeUndefined()
})

test("a cluster that lacks a file is not made anew over what is left of it", async () => {
  await start()
  await guard.stop("postgres")
  rmSync(join(directory, "postgres", "PG_VERSION"))
  await expect(start()).rejects.toThrow("has lost PG_VERSION")
  expect(existsSync(join(directory, "postgres", "base"))).toBe(true)
})

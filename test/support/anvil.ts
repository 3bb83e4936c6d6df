import { type ChildProcess, spawn } from "node:child_process"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

export type Anvil = {
  readonly rpcUrl: string
  readonly port: number
  readonly pid: number
  /** Resolves when the process is gone. May be called twice. */
  stop(): Promise<void>
}

const startTimeoutMs = 20_000

/**
 * Starts a local chain on a free port of the loopback interface. It mines a block per transaction unless `args`
 * say otherwise, and dies with the process that started it, however that one ends.
 */
export async function startAnvil(options: { readonly args?: readonly string[] } = {}): Promise<Anvil> {
  const child = spawn(anvilBinary(), ["--port", "0", ...(options.args ?? [])], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve())
    child.once("error", () => resolve())
  })
  const port = await listeningPort(child)
  const pid = child.pid
  if (pid === undefined) throw new Error("anvil has no process id")
  const guard = killWhenWeDie(pid)
  // As soon as anvil is gone its number may be another process's.
  child.once("exit", guard.release)
  return {
    rpcUrl: `http://127.0.0.1:${port}`,
    port,
    pid,
    stop: async () => {
      child.kill("SIGKILL")
      await exited
    },
  }
}

/** The binary itself: the package's own launcher would leave it orphaned when the launcher is killed. */
function anvilBinary(): string {
  const architecture = process.arch === "x64" ? "amd64" : process.arch
  const launcher = createRequire(import.meta.url).resolve("@foundry-rs/anvil/bin.mjs")
  return join(dirname(launcher), `../anvil-${process.platform}-${architecture}/bin/anvil`)
}

function listeningPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let output = ""
    const fail = (why: string) => {
      clearTimeout(timer)
      child.kill("SIGKILL")
      reject(new Error(`anvil did not start: ${why}\n${output}`))
    }
    const timer = setTimeout(() => fail(`no port within ${startTimeoutMs} ms`), startTimeoutMs)
    const read = (chunk: Buffer) => {
      if (output.length < 20_000) output += chunk.toString()
      const port = /Listening on 127\.0\.0\.1:(\d+)/.exec(output)?.[1]
      if (port === undefined) return
      clearTimeout(timer)
      resolve(Number(port))
    }
    // Both pipes are read to the end: a full pipe would stop the chain.
    child.stdout?.on("data", read)
    child.stderr?.on("data", read)
    child.once("error", (error) => fail(error.message))
    child.once("exit", (code, signal) => fail(`exit ${code ?? signal}`))
  })
}

/** A shell whose standard input we hold open: it reads the end of it only when we are gone, and then kills. */
function killWhenWeDie(pid: number): { release(): void } {
  const guard = spawn("/bin/sh", ["-c", 'read -r _ || kill -9 "$0"', String(pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  })
  guard.unref()
  return {
    release: () => {
      guard.stdin.end("released\n")
    },
  }
}

import { type ChildProcess, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { ChainBridgeError } from "../../platform/errors.ts"
import type { GuardAnswer, GuardRequest, NativeProgram } from "./guard-protocol.ts"

export type Guard = {
  readonly pid: number
  /** Starts a program and answers its pid. */
  run(program: NativeProgram): Promise<number>
  /** Stops one program: SIGINT, then SIGKILL; resolves when it is gone. */
  stop(name: string): Promise<void>
  /** Has the guard delete a directory after the last program is gone, whoever asked for the end. */
  removeAtEnd(path: string): void
  /** Told of every program that is gone, asked for or not; `guard` when the guard itself is. */
  onExit(listener: (name: string, how: string) => void): void
  /** Stops everything and the guard; resolves when all of it is gone. */
  close(): Promise<void>
}

/** Starts the process that owns the native programs and outlives us just long enough to stop them. */
export async function startGuard(): Promise<Guard> {
  const path = fileURLToPath(new URL("./guard.ts", import.meta.url))
  const child = spawn(process.execPath, [path], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    detached: true,
    env: { PATH: process.env["PATH"] },
  })
  const answers = listen(child)
  await answers.next((answer) => answer.kind === "ready")
  const { pid } = child
  if (pid === undefined) throw new ChainBridgeError("GUARD_FAILED", "the guard process has no pid")
  const send = (request: GuardRequest) => {
    if (child.connected) child.send(request)
  }
  return {
    pid,
    async run(program) {
      send({ kind: "run", program })
      const answer = await answers.next(
        (candidate) =>
          (candidate.kind === "started" || candidate.kind === "failed") && candidate.name === program.name,
      )
      if (answer.kind === "started") return answer.pid
      const message = answer.kind === "failed" ? answer.message : answer.kind
      throw new ChainBridgeError("NATIVE_PROGRAM_FAILED", `${program.name} cannot be started: ${message}`)
    },
    async stop(name) {
      const gone = answers.next((answer) => answer.kind === "exited" && answer.name === name)
      send({ kind: "stop", name })
      await gone
    },
    removeAtEnd: (removed) => send({ kind: "removeAtEnd", path: removed }),
    onExit: (listener) => answers.exits.push(listener),
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const gone = new Promise((resolve) => child.once("exit", resolve))
      if (child.connected) child.disconnect()
      await gone
    },
  }
}

type Answers = {
  next(matches: (answer: GuardAnswer) => boolean): Promise<GuardAnswer>
  readonly exits: ((name: string, how: string) => void)[]
}

function listen(child: ChildProcess): Answers {
  type Waiter = {
    matches(answer: GuardAnswer): boolean
    resolve(answer: GuardAnswer): void
    reject(error: Error): void
  }
  const waiters = new Set<Waiter>()
  const exits: Answers["exits"] = []
  child.on("message", (answer: GuardAnswer) => {
    for (const waiter of waiters) {
      if (!waiter.matches(answer)) continue
      waiters.delete(waiter)
      waiter.resolve(answer)
    }
    if (answer.kind === "exited") {
      for (const listener of exits) listener(answer.name, `${answer.signal ?? `code ${answer.code}`}`)
    }
  })
  child.once("error", (error) => fail(error))
  child.once("exit", (code, signal) => {
    fail(new Error(`it ended with ${signal ?? `code ${code}`}`))
    for (const listener of exits) listener("guard", `${signal ?? `code ${code}`}`)
  })
  function fail(cause: Error): void {
    for (const waiter of waiters) {
      waiter.reject(new ChainBridgeError("GUARD_FAILED", "the guard process is gone", { cause }))
    }
    waiters.clear()
  }
  return {
    exits,
    next: (matches) => new Promise((resolve, reject) => waiters.add({ matches, resolve, reject })),
  }
}

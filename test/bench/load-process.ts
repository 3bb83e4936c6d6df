import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync } from "node:fs"
import type { LoadOrder, LoadResult } from "./load-order.ts"

/** A process that makes load, or one of those that take it. */
export type BenchProcess = { readonly child: ChildProcess; readonly ready: unknown }

type Reply = { readonly result: LoadResult } | { readonly error: string }

/** Starts a program of the bench and waits for its first message. It ends when we do. */
export async function startBenchProcess(
  program: URL,
  environment: Readonly<Record<string, string>>,
  logFile: string,
  args: readonly string[] = [],
): Promise<BenchProcess> {
  const log = openSync(logFile, "a")
  const child = fork(program, [...args], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", log, log, "ipc"],
  })
  closeSync(log)
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`${program.pathname} ended with ${String(code)}; see ${logFile}`)
  })
  ended.catch(() => undefined)
  const [ready] = (await Promise.race([once(child, "message"), ended])) as [unknown]
  return { child, ready }
}

/** Has a process that serves orders run one. */
export async function runOrder({ child }: BenchProcess, order: LoadOrder): Promise<LoadResult> {
  child.send(order)
  const answered = new AbortController()
  const { signal } = answered
  const ended = once(child, "exit", { signal }).then(() => {
    throw new Error("a process that makes load has ended")
  })
  ended.catch(() => undefined)
  const [reply] = (await Promise.race([once(child, "message", { signal }), ended])) as [Reply]
  answered.abort()
  if ("error" in reply) throw new Error(reply.error)
  return reply.result
}

/** In such a process: runs the orders that come in, one at a time, until the parent is gone. */
export function serveOrders(run: (order: LoadOrder) => Promise<LoadResult>): void {
  process.on("message", (order: LoadOrder) => {
    run(order).then(
      (result) => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
    )
  })
  process.on("disconnect", () => process.exit(0))
  process.send?.("ready")
}

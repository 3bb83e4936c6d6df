import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { Redis } from "ioredis"
import { findFreePort } from "../../cli/stack/free-port.ts"
import { waitUntil } from "./wait-until.ts"

/** A Redis of the test's own that keeps nothing on a disk and ends with us. */
export type RedisServer = {
  readonly url: string
  /** Ends it without a word; what it held is gone. */
  kill(): Promise<void>
  /** On the same port again. */
  restart(): Promise<void>
  /** Lets it stand still, and go on. */
  pause(): void
  resume(): void
}

/** Whether there is a `redis-server` to start. REQUIRE_SERVICES=1 lets nobody do without. */
export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0

export async function startRedisServer(): Promise<RedisServer> {
  const port = await findFreePort()
  const url = `redis://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  const start = async (): Promise<void> => {
    child = spawn(
      "redis-server",
      ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
      {
        stdio: "ignore",
      },
    )
    const client = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => 50 })
    client.on("error", () => undefined)
    try {
      await waitUntil(async () => (await client.ping().catch(() => "")) === "PONG", { what: "Redis answers" })
    } finally {
      client.disconnect()
    }
  }
  const kill = async (): Promise<void> => {
    const ending = child
    child = undefined
    if (ending === undefined) return
    const ended = once(ending, "exit")
    ending.kill("SIGKILL")
    await ended
  }
  process.once("exit", () => child?.kill("SIGKILL"))
  await start()
  return {
    url,
    kill,
    restart: start,
    pause: () => child?.kill("SIGSTOP"),
    resume: () => child?.kill("SIGCONT"),
  }
}

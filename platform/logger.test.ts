import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, existsSync, openSync } from "node:fs"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { expect, test } from "vitest"

const program = `
  import { createLogger } from ${JSON.stringify(join(import.meta.dirname, "logger.ts"))}
  const logger = createLogger("api")
  const timer = setInterval(() => logger.info("x".repeat(10_000)), 5)
  process.on("SIGTERM", () => {
    clearInterval(timer)
    process.exit(0)
  })
  setTimeout(() => process.stdout.write("alive"), 1_000)`

test.runIf(existsSync("/dev/full"))(
  "a log that cannot be written keeps nobody from working, nor from ending",
  async () => {
    const full = openSync("/dev/full", "w")
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["ignore", "pipe", full],
    })
    closeSync(full)
    const ended = once(child, "exit")
    try {
      const [said] = await Promise.race([once(child.stdout as Readable, "data"), ended])
      expect(String(said)).toBe("alive")
      child.kill("SIGTERM")
      expect(await ended).toEqual([0, null])
    } finally {
      child.kill("SIGKILL")
    }
  },
)

import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"

const file = JSON.stringify(join(import.meta.dirname, "logger.ts"))
const hasFull = existsSync("/dev/full")

/** Runs a program with a logger whose stderr goes there. */
function run(text: string, path: string) {
  const stderr = openSync(path, "w")
  const program = `import { createLogger } from ${file}\nconst logger = createLogger("api")\n${text}`
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", stderr],
    env: { ...process.env, LOG_LEVEL: "info" },
  })
  closeSync(stderr)
  const late = setTimeout(() => child.kill("SIGKILL"), 4_000)
  const ended = once(child, "exit").finally(() => clearTimeout(late))
  return { child, ended }
}

test.runIf(hasFull)("a log that cannot be written keeps nobody from working, nor from ending", async () => {
  const { child, ended } = run(
    `setInterval(() => logger.info("x".repeat(10_000)), 5)
     process.on("SIGTERM", () => process.exit(0))
     setTimeout(() => process.stdout.write("alive"), 1_000)`,
    "/dev/full",
  )
  child.stdout?.once("data", () => child.kill("SIGTERM"))
  expect(await ended).toEqual([0, null])
})

test.runIf(hasFull)("nor does a line that is written at the end", async () => {
  expect(await run(`logger.info("x"); process.exit(0)`, "/dev/full").ended).toEqual([0, null])
  expect(await run(`logger.info("x")`, "/dev/full").ended).toEqual([0, null])
})

test("every line is written, in its order, however the process ends", async () => {
  const path = join(tmpdir(), `chainbridge-log-${process.pid}`)
  const lines = `for (let i = 0; i < 20_000; i += 1) { logger.info({ i }); if (i % 1_000 === 0) await new Promise((done) => setTimeout(done, 1)) }`
  try {
    for (const end of ["", "process.exit(0)"]) {
      expect(await run(`${lines}\n${end}`, path).ended).toEqual([0, null])
      const written = readFileSync(path, "utf8").trimEnd().split("\n")
      expect(written.map((line) => (JSON.parse(line) as { i: number }).i)).toEqual(
        Array.from({ length: 20_000 }, (_, i) => i),
      )
    }
  } finally {
    rmSync(path, { force: true })
  }
})

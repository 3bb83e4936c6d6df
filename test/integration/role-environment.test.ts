import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const program = fileURLToPath(new URL("../../cli/main.ts", import.meta.url))

function run(environment: Record<string, string>): Promise<string> {
  const { LOG_LEVEL, ...inherited } = process.env
  const child = spawn(process.execPath, [program, "api"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...inherited, DATABASE_URL: "postgres://me:secret@127.0.0.1:9/none", PORT: "0", ...environment },
  })
  let stderr = ""
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  return new Promise((resolve) => child.once("close", () => resolve(stderr)))
}

test("a level that there is not is named, with those that there are", async () => {
  expect(await run({ LOG_LEVEL: "loud" })).toBe(
    'chainbridge: LOG_LEVEL is "loud"; allowed: trace, debug, info, warn, error, fatal, silent\n',
  )
})

test("an empty level is none", async () => {
  expect(await run({ LOG_LEVEL: "" })).toContain(
    "the database of DATABASE_URL (127.0.0.1:9) does not let us in",
  )
})

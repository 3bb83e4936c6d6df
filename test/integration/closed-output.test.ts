import { spawn } from "node:child_process"
import { closeSync, existsSync, openSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const program = fileURLToPath(new URL("../../cli/main.ts", import.meta.url))

function run(stdout: "pipe" | number): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [program, "config", "check"], { stdio: ["ignore", stdout, "pipe"] })
  child.stdout?.destroy()
  let stderr = ""
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, stderr })))
}

test("a command whose reader has left ends quietly, and does not say that all went well", async () => {
  expect(await run("pipe")).toEqual({ code: 141, stderr: "" })
})

test.skipIf(!existsSync("/dev/full"))("a command that cannot write for want of space says so", async () => {
  const full = openSync("/dev/full", "w")
  const { code, stderr } = await run(full)
  closeSync(full)
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: "chainbridge: the output cannot be written: ENOSPC: no space left on device, write\n",
  })
})

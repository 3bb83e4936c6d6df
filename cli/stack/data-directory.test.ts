import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { openDataDirectory } from "./data-directory.ts"
import { lockDataDirectory } from "./data-directory-lock.ts"
import { identifyProcess } from "./process-identity.ts"

let parent: string
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "chainbridge-data-"))
})
afterEach(() => rmSync(parent, { recursive: true, force: true }))

test("a new directory is ours alone, and opens again after its release", () => {
  const path = join(parent, "a", "b")
  const first = openDataDirectory(path)
  expect(first.isNew).toBe(true)
  expect(statSync(path).mode & 0o777).toBe(0o700)
  expect(() => openDataDirectory(path)).toThrow(`${path} is in use by process ${process.pid}`)
  first.lock.release()
  expect(openDataDirectory(path).isNew).toBe(false)
})

test("a disk that is nearly full is refused before anything is locked or written", () => {
  const path = join(parent, "full")
  expect(() => openDataDirectory(path, () => 100 * 1024 * 1024)).toThrow("only 100 MB are free")
  expect(readdirSync(path)).toEqual([])
})

test("a lock whose process is gone is taken over, also when its pid lives on in another process", async () => {
  const child = spawn(process.execPath, ["--eval", ""])
  const { pid = 0 } = child
  const gone = { pid, started: identifyProcess(pid)?.started ?? "" }
  await new Promise((resolve) => child.once("exit", resolve))
  for (const holder of [gone, { pid: process.pid, started: "1" }, "not even JSON"]) {
    writeFileSync(join(parent, "lock"), typeof holder === "string" ? holder : JSON.stringify(holder))
    lockDataDirectory(parent).release()
    expect(existsSync(join(parent, "lock"))).toBe(false)
  }
})

test("of many that find the same stale lock one gets it", async () => {
  writeFileSync(join(parent, "lock"), JSON.stringify({ pid: process.pid, started: "1" }))
  const script = `
    const { lockDataDirectory } = await import(${JSON.stringify(join(import.meta.dirname, "data-directory-lock.ts"))})
    try { lockDataDirectory(process.argv[1]); console.log("held") } catch (error) { console.log(error.code) }
    setTimeout(() => {}, 3000)`
  const answers = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const child = spawn(process.execPath, ["--input-type=module", "--eval", script, parent])
      const said = await new Promise<string>((resolve) =>
        child.stdout.once("data", (chunk) => resolve(String(chunk))),
      )
      return { child, said: said.trim() }
    }),
  )
  expect(answers.filter(({ said }) => said === "held")).toHaveLength(1)
  for (const { child } of answers) child.kill("SIGKILL")
})

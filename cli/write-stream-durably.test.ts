import { execFileSync, spawn } from "node:child_process"
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, test } from "vitest"
import { writeStreamDurably } from "./write-stream-durably.ts"

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-write-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))
const write = (path: string) => writeStreamDurably(path, (append) => append("new"))

test("the file of a link is replaced, and the link stays", async () => {
  const link = join(directory, "link")
  writeFileSync(join(directory, "file"), "old")
  symlinkSync("file", link)
  await write(link)
  expect(readFileSync(join(directory, "file"), "utf8")).toBe("new")
  expect(lstatSync(link).isSymbolicLink()).toBe(true)
})

test("the file that a link is to lead to is made", async () => {
  symlinkSync("file", join(directory, "link"))
  await write(join(directory, "link"))
  expect(readFileSync(join(directory, "file"), "utf8")).toBe("new")
  expect(lstatSync(join(directory, "link")).isSymbolicLink()).toBe(true)
})

test.runIf(existsSync("/proc/self/fd"))("an open file is written on, and not replaced", async () => {
  const path = join(directory, "open")
  writeFileSync(path, "old, ")
  const open = openSync(path, "a")
  await write(`/proc/self/fd/${open}`)
  closeSync(open)
  expect(readFileSync(path, "utf8")).toBe("old, new")
})

test("what is no file is written to, and stays what it is", async () => {
  const pipe = join(directory, "pipe")
  execFileSync("/bin/sh", ["-c", 'mkfifo "$0"', pipe])
  const reader = spawn("cat", [pipe], { stdio: ["ignore", "pipe", "ignore"] })
  const read = new Promise((resolve) => reader.stdout.once("data", (chunk) => resolve(String(chunk))))
  await write(pipe)
  expect(await read).toBe("new")
  expect(lstatSync(pipe).isFIFO()).toBe(true)
  expect(readdirSync(directory)).toEqual(["pipe"])
})

test("a directory cannot be written, and nothing is left beside it", async () => {
  await expect(write(directory)).rejects.toThrow(`${directory} cannot be written`)
  await expect(write(join(directory, "none", "file"))).rejects.toThrow("cannot be written")
  expect(readdirSync(directory)).toEqual([])
})

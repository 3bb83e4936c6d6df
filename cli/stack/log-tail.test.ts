import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { readLogTail } from "./log-tail.ts"

test("the last lines of a log are shown, of a large one no more than its end", () => {
  const directory = mkdtempSync(join(tmpdir(), "chainbridge-log-"))
  const path = join(directory, "api.log")
  try {
    expect(readLogTail(path)).toBe(`nothing in ${path}`)
    writeFileSync(path, "one\ntwo\nthree\nfour\n")
    expect(readLogTail(path)).toBe(`two | three | four (${path})`)
    writeFileSync(path, `${"x".repeat(200_000)}\nlast\n`)
    expect(readLogTail(path).length).toBeLessThan(66_000)
    expect(readLogTail(path, 1)).toBe(`last (${path})`)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

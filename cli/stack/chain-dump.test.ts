import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { afterEach, beforeEach, expect, test } from "vitest"
import { EXIT_DUMP, loadChainDump, saveChainDump } from "./chain-dump.ts"

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "chainbridge-dump-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const state = (blockNumber: number) =>
  JSON.stringify({
    best_block_number: blockNumber,
    blocks: Array.from({ length: blockNumber + 1 }, (_, n) => ({
      header: { number: `0x${n.toString(16)}` },
    })),
  })
const save = (blockNumber: number) => saveChainDump(directory, gzipSync(state(blockNumber)))
const cut = (file: string) =>
  truncateSync(join(directory, file), readFileSync(join(directory, file)).length - 9)

test("nothing was saved yet", async () => {
  expect(await loadChainDump(directory)).toBeUndefined()
})

test("the newest of all states is loaded, whole", async () => {
  save(10)
  save(12)
  const dump = await loadChainDump(directory)
  expect(dump).toMatchObject({ blockNumber: 12, damaged: [] })
  expect(dump?.json.toString()).toBe(state(12))
  writeFileSync(join(directory, EXIT_DUMP), state(13))
  expect(await loadChainDump(directory)).toMatchObject({ file: EXIT_DUMP, blockNumber: 13 })
})

test("a state from a clean end long ago does not win over newer ones", async () => {
  writeFileSync(join(directory, EXIT_DUMP), state(5))
  save(12)
  expect(await loadChainDump(directory)).toMatchObject({ blockNumber: 12 })
})

test("one that was cut short is passed over for the one before, and named", async () => {
  save(10)
  save(12)
  cut("state.json.gz")
  writeFileSync(join(directory, EXIT_DUMP), state(13))
  cut(EXIT_DUMP)
  expect(await loadChainDump(directory)).toMatchObject({
    file: "state.older.json.gz",
    blockNumber: 10,
    damaged: [EXIT_DUMP, "state.json.gz"],
  })
})

test("a crash between the two renames leaves the older one", async () => {
  save(10)
  save(12)
  rmSync(join(directory, "state.json.gz"))
  expect(await loadChainDump(directory)).toMatchObject({ blockNumber: 10, damaged: [] })
})

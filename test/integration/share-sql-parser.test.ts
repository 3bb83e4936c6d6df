import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { expect, test } from "vitest"

const role = new URL("../../cli/roles/indexer.ts", import.meta.url).href

/** What a process of Node prints that asks for Ponder's parser twice. */
async function parseTwice(
  isShared: boolean,
): Promise<{ trees: unknown[]; isSame: boolean; memories: number }> {
  const program = `
    let memories = 0
    const Given = ArrayBuffer
    globalThis.ArrayBuffer = class extends Given {
      constructor(length, options) {
        super(length, options)
        if (length > 1e6) memories += 1
      }
    }
    ${isShared ? `await import("${role}")` : ""}
    const { default: makeParser } = await import("pg-query-emscripten")
    // More than a single parser takes, and each twice.
    const texts = ["no statement", ...Array.from({ length: 20 }, (_, length) => "SELECT '" + "x".repeat(4_900 - length) + "'")]
    const trees = [[], []]
    for (const times of trees) for (const text of texts) times.push((await makeParser()).parse(text))
    console.log(JSON.stringify({ trees, isSame: trees[0].every((tree, index) => tree === trees[1][index]), memories }))`
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    maxBuffer: 64 * 1_024 * 1_024,
  })
  return JSON.parse(stdout)
}

test("the indexer's process parses a text once, and every text as the parser does", async () => {
  const [own, shared] = await Promise.all([parseTwice(false), parseTwice(true)])
  expect(shared.trees).toEqual(own.trees)
  expect([own.isSame, shared.isSame]).toEqual([false, true])
  // One for each text, and one that waits for the next.
  expect([own.memories, shared.memories]).toEqual([42, 22])
})

test("Ponder asks for the parser by the name that is looked out for", () => {
  const source = readFileSync(
    fileURLToPath(new URL("./utils/sql-parse.js", import.meta.resolve("ponder"))),
    "utf8",
  )
  expect(source).toMatch(/import\([^)]*"pg-query-emscripten"\)/)
})

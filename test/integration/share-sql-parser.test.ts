import { execFile } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath, pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { expect, test } from "vitest"

const hook = fileURLToPath(new URL("../../cli/roles/share-sql-parser.ts", import.meta.url))

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
    const texts = ["SELECT a FROM b WHERE c = $1", "no statement", "DELETE FROM b"]
    const trees = []
    for (let time = 0; time < 2; time += 1) {
      const { parse } = await (await import("pg-query-emscripten")).default()
      trees.push(texts.map(parse))
    }
    console.log(JSON.stringify({ trees, isSame: trees[0].every((tree, index) => tree === trees[1][index]), memories }))`
  const args = [
    ...(isShared ? ["--import", pathToFileURL(hook).href] : []),
    "--input-type=module",
    "-e",
    program,
  ]
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
  })
  return JSON.parse(stdout)
}

test("whoever asks for the parser of SQL again gets the same one, and what it says", async () => {
  const [own, shared] = await Promise.all([parseTwice(false), parseTwice(true)])
  expect(shared.trees).toEqual(own.trees)
  expect([own.isSame, shared.isSame]).toEqual([false, true])
  expect([own.memories, shared.memories]).toEqual([2, 1])
})

test("Ponder asks for it by that name, for each statement of a handler", () => {
  const source = readFileSync(
    fileURLToPath(new URL("./utils/sql-parse.js", import.meta.resolve("ponder"))),
    "utf8",
  )
  expect(source).toContain('"pg-query-emscripten"')
})

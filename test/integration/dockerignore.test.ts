import { readFileSync } from "node:fs"
import { join, matchesGlob } from "node:path"
import { expect, test } from "vitest"

const root = join(import.meta.dirname, "..", "..")
const patternsOf = (name: string) =>
  readFileSync(join(root, name), "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))

const ignored = patternsOf(".dockerignore")
const hidden = patternsOf(".gitignore").map((pattern) => pattern.replace(/\/$/, "").replaceAll("*", "some"))

test("nothing is let back in", () => {
  expect(ignored.filter((pattern) => pattern.startsWith("!"))).toEqual([])
})

test.each([...hidden, ".env", ".env.production", ".chainbridge-two"])(
  "%s does not get into the image, wherever it lies",
  (name) => {
    for (const path of [name, `cli/${name}`, `cli/stack/${name}`])
      expect(
        ignored.filter((pattern) => matchesGlob(path, pattern)),
        path,
      ).not.toEqual([])
  },
)

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { protections } from "./protections.ts"

const read = (path: string) => readFileSync(join(import.meta.dirname, "../..", path), "utf8")

describe("the list of protections", () => {
  test.each(protections)(
    "names code and a test that exist: $invariant",
    ({ file, find, test: { file: testFile, name } }) => {
      expect(read(file).split(find)).toHaveLength(2)
      const source = read(testFile)
      // Names of series are made of what stands in the file and of what is put in.
      const isNamed = [name, name.replace(/^at \w+ /, "at %s ")].some((one) => source.includes(one))
      expect(isNamed, `${testFile}: ${name}`).toBe(true)
    },
  )

  test("has some for each step", () => {
    expect([...new Set(protections.map(({ step }) => step))]).toEqual([
      "seal",
      "reserve",
      "simulate",
      "save",
      "broadcast",
      "replace",
      "confirm",
      "fail",
      "identity",
    ])
  })
})

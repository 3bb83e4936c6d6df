import { describe, expect, test } from "vitest"
import { findFileFaults } from "./file-faults.ts"

describe("length", () => {
  const lines = (count: number) => "x\n".repeat(count)
  test("400 lines are allowed, 401 are not", () => {
    expect(findFileFaults("api/a.ts", lines(400))).toEqual([])
    expect(findFileFaults("api/a.ts", lines(401))).toEqual(["api/a.ts has 401 lines, 400 are allowed"])
  })
  test("what a program wrote may be longer", () => {
    expect(findFileFaults("abis/a.ts", lines(401))).toEqual([])
  })
})

describe("work that is put off", () => {
  const markers = ["TO", "FIX"].map((word, index) => `${word}${["DO", "ME"][index]}`)
  for (const marker of markers) {
    test(`${marker} is named with its line`, () => {
      for (const path of ["api/a.ts", "contracts/src/A.sol", "config/a.yaml", "Dockerfile", ".ci/run"]) {
        expect(findFileFaults(path, `a\n// ${marker}: later\n`)).toEqual([
          `${path}:2 puts work off: // ${marker}: later`,
        ])
      }
    })
  }
})

describe("the lock file", () => {
  test("does not say where packages were downloaded from", () => {
    expect(findFileFaults("package-lock.json", '"version": "1.0.0"\n')).toEqual([])
    expect(findFileFaults("package-lock.json", '"resolved": "https://example.test/a.tgz"\n')).toHaveLength(1)
  })
})

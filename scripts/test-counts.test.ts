import { describe, expect, test } from "vitest"
import { countResults, formatCounts, verdict } from "./test-counts.ts"

function file(status: string, tests: readonly string[], message = "") {
  return {
    name: "/x.test.ts",
    status,
    message,
    assertionResults: tests.map((test, index) => ({ fullName: `test ${index}`, status: test })),
  }
}

function suite(exitCode: number | null, report: unknown) {
  return { suite: "unit", seconds: 1, counts: countResults("unit", exitCode, report) }
}

describe("counting a suite", () => {
  test("each test is counted once, and what is skipped is named", () => {
    const { counts } = suite(1, {
      testResults: [file("passed", ["passed", "passed"]), file("failed", ["failed", "pending", "todo"])],
    })
    expect(formatCounts(counts)).toBe("2 passed, 1 failed, 2 skipped")
    expect(counts.notes).toEqual(["skipped: /x.test.ts: test 1", "skipped: /x.test.ts: test 2"])
  })

  test("a file that could not be loaded is a failure, also beside tests that passed", () => {
    const { counts } = suite(1, {
      testResults: [file("passed", ["passed"]), file("failed", [], "no module\nat x")],
    })
    expect(formatCounts(counts)).toBe("1 passed, 1 failed, 0 skipped")
    expect(counts.notes).toEqual(["/x.test.ts: could not run: no module"])
  })

  test("an error that no test caught is a failure", () => {
    expect(formatCounts(suite(1, { testResults: [file("passed", ["passed"])] }).counts)).toBe(
      "1 passed, 1 failed, 0 skipped",
    )
  })

  test("a suite that ended without a report is a failure", () => {
    expect(formatCounts(suite(null, undefined).counts)).toBe("0 passed, 1 failed, 0 skipped")
  })
})

describe("the verdict", () => {
  const passed = suite(0, { testResults: [file("passed", ["passed"])] })
  const skipped = suite(0, { testResults: [file("passed", ["passed", "pending"])] })
  const failed = suite(1, { testResults: [file("failed", ["failed"])] })
  const nothing = suite(0, { testResults: [] })

  test("is good when everything passed", () => {
    expect(verdict([passed, nothing], true)).toMatchObject({ total: { passed: 1 }, fault: undefined })
  })
  test("is bad with one failure among many suites", () => {
    expect(verdict([passed, failed, passed], false)).toMatchObject({
      total: { passed: 2, failed: 1, skipped: 0 },
      fault: "there are failures",
    })
  })
  test("is bad when nothing ran", () => {
    expect(verdict([nothing, nothing], false).fault).toBe("no test ran")
  })
  test("allows skipped tests only where services may be missing", () => {
    expect(verdict([skipped], false).fault).toBeUndefined()
    expect(verdict([skipped], true).fault).toBe("REQUIRE_SERVICES=1 allows no test to be skipped")
  })
})

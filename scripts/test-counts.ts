import { z } from "zod"

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
})

export type Counts = {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** A line for each test that was skipped and each file that could not run. */
  readonly notes: readonly string[]
}
export type SuiteReport = { readonly suite: string; readonly seconds: number; readonly counts: Counts }

/**
 * Counts what vitest's JSON report of a suite says. What failed without a test that could say so counts as one failure:
 * a file that could not be loaded, an error that no test caught, a suite that ended without a report.
 */
export function countResults(suite: string, exitCode: number | null, report: unknown): Counts {
  const parsed = reportSchema.safeParse(report)
  if (!parsed.success) {
    if (exitCode === 0) return { passed: 0, failed: 0, skipped: 0, notes: [] }
    return { passed: 0, failed: 1, skipped: 0, notes: [`${suite}: did not run (exit code ${exitCode})`] }
  }
  const notes: string[] = []
  let passed = 0
  let failed = 0
  let skipped = 0
  for (const file of parsed.data.testResults) {
    for (const { fullName, status } of file.assertionResults) {
      if (status === "passed") passed += 1
      else if (status === "failed") failed += 1
      else {
        skipped += 1
        notes.push(`skipped: ${file.name}: ${fullName}`)
      }
    }
    if (file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed")) {
      failed += 1
      notes.push(`${file.name}: could not run: ${file.message?.split("\n")[0] ?? ""}`)
    }
  }
  if (exitCode !== 0 && failed === 0) {
    failed += 1
    notes.push(`${suite}: vitest ended with exit code ${exitCode}, and no test says why: see above`)
  }
  return { passed, failed, skipped, notes }
}

/** The sum of all suites, and why it is not good enough, if so. */
export function verdict(
  reports: readonly SuiteReport[],
  requiresServices: boolean,
): { readonly total: Counts; readonly fault: string | undefined } {
  const sum = (key: "passed" | "failed" | "skipped") =>
    reports.map(({ counts }) => counts[key]).reduce((a, b) => a + b, 0)
  const total = { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped"), notes: [] }
  return { total, fault: findFault(total, requiresServices) }
}

function findFault(total: Counts, requiresServices: boolean): string | undefined {
  if (total.failed > 0) return "there are failures"
  if (total.passed === 0) return "no test ran"
  if (requiresServices && total.skipped > 0) return "REQUIRE_SERVICES=1 allows no test to be skipped"
  return undefined
}

export function formatCounts(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`
}

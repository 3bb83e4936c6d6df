// `npm test`: runs every suite, one after the other, and ends with one line that counts all of them.
//   npm test -- unit                     one suite
//   npm test -- integration batcher      the files of a suite whose path has "batcher" in it
//   npm test -- -t "two batchers"        whatever else vitest understands
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { countResults, formatCounts, type SuiteReport, verdict } from "./test-counts.ts"

const root = join(import.meta.dirname, "..")
const suites = ["unit", "integration", "e2e"]

// Tests start hundreds of processes: each finds compiled what the one before it has read.
const compileCache = { NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "node") }

const args = process.argv.slice(2)
const named = suites.filter((suite) => args.includes(suite))
const filters = args.filter((argument) => !suites.includes(argument))
const reports: SuiteReport[] = []
const directory = mkdtempSync(join(tmpdir(), "chainbridge-reports-"))
try {
  for (const suite of named.length > 0 ? named : suites) reports.push(await runSuite(suite))
} finally {
  rmSync(directory, { recursive: true, force: true })
}

for (const { suite, seconds, counts } of reports)
  console.log(`${suite}: ${formatCounts(counts)} (${seconds} s)`)
for (const { counts } of reports) for (const note of counts.notes) console.log(note)
const { total, fault } = verdict(reports, process.env["REQUIRE_SERVICES"] === "1")
if (fault !== undefined) console.log(fault)
console.log(formatCounts(total))
if (fault !== undefined) process.exitCode = 1

async function runSuite(suite: string): Promise<SuiteReport> {
  const began = performance.now()
  const file = join(directory, `${suite}.json`)
  const exitCode = await new Promise<number | null>((resolve) => {
    const child = spawn(
      process.execPath,
      [
        ...[join(root, "node_modules", "vitest", "vitest.mjs"), "run", "--project", suite],
        ...["--reporter=default", "--reporter=json", `--outputFile.json=${file}`],
        // A filter need not have files in every suite; a suite without any files has lost them.
        ...(filters.length > 0 ? ["--passWithNoTests", ...filters] : []),
      ],
      { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...compileCache } },
    )
    child.once("error", () => resolve(null))
    child.once("close", resolve)
  })
  return {
    suite,
    seconds: Math.round((performance.now() - began) / 1_000),
    counts: countResults(suite, exitCode, readReport(file)),
  }
}

function readReport(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as unknown
  } catch {
    // The suite ended before it could write one: counted as a failure.
    return undefined
  }
}

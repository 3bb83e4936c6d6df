// `npm test`: runs every suite, one after the other, and ends with one line that counts all of them.
//   npm test -- unit                     one suite
//   npm test -- integration batcher      the files of a suite whose path has "batcher" in it
//   npm test -- -t "two batchers"        whatever else vitest understands
import { type ChildProcess, spawn } from "node:child_process"
import { readFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { makeMemoryDirectory, makeOpenDirectory } from "./memory-directory.ts"
import { countResults, formatCounts, type SuiteReport, verdict } from "./test-counts.ts"

const root = join(import.meta.dirname, "..")
const suites = ["unit", "integration", "e2e"]

// Tests start hundreds of processes: each finds compiled what the one before it has read.
const compileCache = { NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "node") }

const args = process.argv.slice(2)
const named = suites.filter((suite) => args.includes(suite))
const filters = args.filter((argument) => !suites.includes(argument))
const reports: SuiteReport[] = []
const directory = makeMemoryDirectory() ?? makeOpenDirectory(join(tmpdir(), "chainbridge-tests-"))
let running: ChildProcess | undefined
let interruptedBy: NodeJS.Signals | undefined
// What it leaves in memory is for us to delete. A terminal's interrupt goes to the suite as well, and a second one would end it without a word.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    interruptedBy = signal
    if (signal !== "SIGINT") running?.kill(signal)
  })
try {
  for (const suite of named.length > 0 ? named : suites)
    if (interruptedBy === undefined) reports.push(await runSuite(suite))
} finally {
  await removeDirectory()
}

for (const { suite, seconds, counts } of reports)
  console.log(`${suite}: ${formatCounts(counts)} (${seconds} s)`)
for (const { counts } of reports) for (const note of counts.notes) console.log(note)
if (interruptedBy !== undefined)
  console.log(`interrupted by ${interruptedBy}: what comes after it was not run`)
const { total, fault } = verdict(reports, process.env["REQUIRE_SERVICES"] === "1")
if (fault !== undefined) console.log(fault)
console.log(formatCounts(total))
if (fault !== undefined || interruptedBy !== undefined) process.exitCode = 1

async function removeDirectory(): Promise<void> {
  // What a suite has started may still be ending, and write. Of two ways to do this that Node has, the other one gave up on such a directory without a word.
  await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }).catch(
    (error: unknown) => console.log(`${directory} could not be removed: ${String(error)}`),
  )
}

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
      {
        cwd: root,
        stdio: ["ignore", "inherit", "inherit"],
        env: { ...process.env, ...compileCache, TMPDIR: directory },
      },
    )
    running = child
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

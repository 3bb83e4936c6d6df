// `npm run protections`: takes each protection of settlement and of who may call away, one at a time and in a copy, and expects its test to fail.
import { execFileSync, spawnSync } from "node:child_process"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { parseArgs } from "node:util"
import type { Protection } from "./protection.ts"
import { protections } from "./protections.ts"

const { values: flags } = parseArgs({ options: { step: { type: "string" }, match: { type: "string" } } })
const root = join(import.meta.dirname, "../..")
const chosen = protections.filter(
  ({ step, invariant }) =>
    (flags.step === undefined || step === flags.step) &&
    (flags.match === undefined || invariant.includes(flags.match)),
)
if (chosen.length === 0) {
  const steps = [...new Set(protections.map(({ step }) => step))].join(", ")
  throw new TypeError(
    `there is no such protection: --step is one of ${steps}, --match a part of an invariant`,
  )
}

const copy = copyOfSources()
const held: Protection[] = []
try {
  for (const protection of chosen) {
    const failure = failsWithout(protection)
    const { step, invariant, test } = protection
    console.log(
      `${failure ? "red  " : "GREEN"}  ${step.padEnd(9)}  ${invariant}\n${" ".repeat(18)}${test.file}`,
    )
    if (!failure) held.push(protection)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
console.log(`\n${chosen.length - held.length} of ${chosen.length} protections are held by a test`)
if (held.length > 0) process.exitCode = 1

/** What git knows, as it lies here. */
function copyOfSources(): string {
  const target = mkdtempSync(join(tmpdir(), "chainbridge-protections-"))
  const list = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  })
  for (const path of list.split("\0").filter((path) => path !== "" && existsSync(join(root, path)))) {
    mkdirSync(dirname(join(target, path)), { recursive: true })
    cpSync(join(root, path), join(target, path), { dereference: false })
  }
  symlinkSync(join(root, "node_modules"), join(target, "node_modules"))
  return target
}

function failsWithout({ file, find, without, test }: Protection): boolean {
  const path = join(copy, file)
  const source = readFileSync(path, "utf8")
  writeFileSync(
    path,
    source.replace(find, () => without),
  )
  const report = join(copy, "report.json")
  rmSync(report, { force: true })
  const vitest = spawnSync(
    process.execPath,
    [
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      test.file,
      "-t",
      test.name.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&"),
      "--reporter=json",
      `--outputFile=${report}`,
    ],
    { cwd: copy, stdio: "ignore" },
  )
  writeFileSync(path, source)
  if (!existsSync(report))
    throw new TypeError(`${test.file} could not be run: vitest ended with ${vitest.status}`)
  const { numFailedTests, numPassedTests } = JSON.parse(readFileSync(report, "utf8")) as {
    numFailedTests: number
    numPassedTests: number
  }
  // A file that does not load, or a name that nobody has, would prove nothing.
  if (numFailedTests + numPassedTests === 0)
    throw new TypeError(`${test.file} has no test "${test.name}" that ran`)
  return numFailedTests > 0
}
